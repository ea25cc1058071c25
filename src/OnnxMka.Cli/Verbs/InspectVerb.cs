using System.CommandLine;
using OnnxMka.Emission;
using OnnxMka.Graph;
using OnnxMka.Inputs;
using OnnxMka.Reporting;
using OnnxMka.Structure;
using Spectre.Console;

namespace OnnxMka.Cli.Verbs;

/// <summary><c>onnx-mka inspect MODEL</c>: what the tool sees in a model.</summary>
internal static class InspectVerb
{
    public static Command Create()
    {
        var model = new Argument<string>("model") { Description = "ONNX decoder: a file or folder" };
        var json = new Option<bool>("--json") { Description = "Print JSON" };
        var report = new Option<FileInfo[]>("--report")
        {
            Description = "Write a report (.html, .json, .md; may be repeated)",
            DefaultValueFactory = _ => [],
        };
        var command = new Command("inspect", "Show blocks, seams, KV ports, parameters and bytes") { model, report, json };
        command.SetAction(parsed => ErrorLines.Run(() =>
        {
            ReportFiles.Check(parsed.GetValue(report)!);
            ReportFiles.Named(NamedFiles.None, parsed.GetValue(report)!).ReadsModel(parsed.GetValue(model)).Check();
            var map = BlockDetector.Detect(OnnxModel.Load(ModelLocation.Find(parsed.GetValue(model)!).ModelPath));
            var text = InspectJson.Write(map);
            ReportFiles.Write(parsed.GetValue(report)!, text);
            StandardStreams.Print(() =>
            {
                if (parsed.GetValue(json)) Console.Write(text);
                else Print(map);
            });
            return ExitCode.Done;
        }));
        return command;
    }

    private static void Print(BlockMap map)
    {
        var console = ResultTables.Stdout();
        var opsets = map.Model.Opsets.Select(o => $"{(o.Key.Length > 0 ? o.Key : "ai.onnx")} {o.Value}");
        console.WriteLine(
            PrintableText.Of(
                $"{Path.GetFileName(map.Model.Path)}: {map.Model.Producer}, IR {map.Model.IrVersion}, opset {string.Join(", ", opsets)}, "
                    + $"{map.Model.Graph.Nodes.Count:N0} nodes"));
        console.WriteLine(
            PrintableText.Of(
                $"{map.Count} blocks from {map.TokenInput} to {map.Logits}; the stream enters as {map.Blocks[0].Input.Value}"));
        var table = ResultTables.Table("block", "kind", "nodes", "parameters", "bytes", "KV in", "KV out", "seam after it");
        foreach (var b in map.Blocks)
        {
            table.AddRow(
                b.Index.ToString(),
                b.Kind.ToString(),
                b.Nodes.Length.ToString("N0"),
                map.ParameterCount(b).ToString("N0"),
                Sizes.Text(map.ParameterBytes(b)),
                ResultTables.Untrusted(string.Join(' ', b.KvInputs.Select(p => p.Name))),
                ResultTables.Untrusted(string.Join(' ', b.KvOutputs.Select(p => p.Name))),
                ResultTables.Untrusted(b.Output.Value) + (b.Output.IsFused ? " (fused)" : ""));
        }

        console.Write(table);
    }
}
