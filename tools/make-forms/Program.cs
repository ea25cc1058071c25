using OnnxMka.Forge;

// make-forms OUT: every form that the tests use, accepted/NAME and refused/NAME, each a model folder. The same bytes every time.
if (args.Length != 1)
{
    Console.Error.WriteLine("usage: make-forms OUT");
    return 2;
}

foreach (var preset in Presets.All)
{
    var folder = Path.Combine(args[0], preset.Refusal is null ? "accepted" : "refused", preset.Name);
    DecoderForge.WriteFolder(preset.Model(), folder);
    Console.WriteLine($"{folder}: {preset.Refusal ?? $"form {preset.Issue}"}");
}

return 0;
