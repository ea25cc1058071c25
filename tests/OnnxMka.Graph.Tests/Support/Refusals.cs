using OnnxMka.Graph.Proto;

namespace OnnxMka.Graph.Tests;

/// <summary>Loads bad input, case by case, and keeps what the user is told: the text of a golden.</summary>
internal sealed class Refusals(TestFolder folder)
{
    private readonly StringWriter _text = new() { NewLine = "\n" };

    public override string ToString() => _text.ToString();

    /// <summary>Loads the model and looks at all of it; it must be refused with the code, in one line.</summary>
    public void Expect(string code, string what, string path)
    {
        var refused = Assert.Throws<RefusedException>(() => LoadWhole(path));
        Assert.True(code == refused.Refusal.Code, $"{what}: {refused.Message}");
        Keep(what, refused.Message);
    }

    public void Expect(string code, string what, ModelProto model) => Expect(code, what, SmallModel.Save(model, folder.Path));

    public void Expect(string code, string what, byte[] model)
    {
        File.WriteAllBytes(folder["model.onnx"], model);
        Expect(code, what, folder["model.onnx"]);
    }

    /// <summary>The file itself cannot be read: no property of the model.</summary>
    public void ExpectUnreadable(string what, string path) => Keep(what, Assert.Throws<InputFileException>(() => LoadWhole(path)).Message);

    /// <summary>What a command does before it changes anything: structure, order, every tensor.</summary>
    public static OnnxModel LoadWhole(string path)
    {
        var model = OnnxModel.Load(path);
        GraphIndex.Of(model.Graph);
        using var reader = new TensorReader();
        foreach (var tensor in model.AllTensors().Where(t => t.ByteLength < 1 << 20)) reader.ReadBytes(tensor);
        return model;
    }

    private void Keep(string what, string message)
    {
        message = message.Replace(folder.Path, "<folder>", StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
        Assert.True(message.Length < 1000, $"{what}: a message of {message.Length} characters");
        Assert.True(message.All(c => c == '\t' || !char.IsControl(c)), $"{what}: control characters in the message");
        _text.WriteLine($"{what}\n    {message}");
    }
}
