using System.Diagnostics;
using OnnxMka.Graph;
using OnnxMka.MakeBig;

// make-big SHAPE OUT: writes OUT/model.onnx and OUT/model.onnx.data with random fp16 weights, and config.json.
var shape = args.Length == 2 ? Shape.Known.FirstOrDefault(s => s.Name == args[0]) : null;
if (shape is null)
{
    Console.Error.WriteLine($"usage: make-big {string.Join('|', Shape.Known.Select(s => s.Name))} OUT");
    return 2;
}

var folder = Directory.CreateDirectory(args[1]).FullName;
foreach (var file in new[] { "model.onnx", "model.onnx.data" }) File.Delete(Path.Combine(folder, file));
var clock = Stopwatch.StartNew();
var written = ModelWriter.Plan(BigDecoder.Of(shape, Path.Combine(folder, "model.onnx")), "model.onnx", forceExternal: true).Write(folder);
File.WriteAllText(
    Path.Combine(folder, "config.json"),
    $$"""
    {
      "model_type": "llama",
      "hidden_size": {{shape.Hidden}},
      "num_hidden_layers": {{shape.Blocks}},
      "vocab_size": {{shape.Vocabulary}}
    }

    """);
Console.Error.WriteLine(
    $"{shape.Name}: {written.TotalBytes:N0} bytes in {clock.Elapsed.TotalSeconds:0.0} s, peak "
        + $"{Process.GetCurrentProcess().PeakWorkingSet64 >> 20} MB");
return 0;
