using Microsoft.ML.OnnxRuntime;
using OnnxMka.Graph;
using OnnxMka.Graph.Editing;
using OnnxMka.Running.Contracts;

namespace OnnxMka.Running.Sessions;

/// <summary>
/// A model loaded in ONNX Runtime. Models are loaded and run here and nowhere else, so that whatever the runtime cannot do is a refusal
/// in its own words, whoever asked.
/// </summary>
internal sealed class RuntimeSession : IDisposable
{
    /// <summary>Code of a model that does not load.</summary>
    public const string LoadCode = "MKA023";

    /// <summary>Code of a model that loads, and fails when it runs.</summary>
    public const string RunCode = "MKA026";

    /// <summary>What can be done with a model that cannot be run: removing blocks needs no run.</summary>
    public const string WithoutRun = "Blocks that you name go without a run: --blocks LIST --method drop --no-eval --no-verify";

    /// <summary>The same where it is the runtime that cannot.</summary>
    private const string Around = "Another provider (--ep) or runtime may run it. " + WithoutRun;

    /// <summary>
    /// Folder that relative external data locations of a model in memory are resolved in (ONNX Runtime configuration key).
    /// </summary>
    private const string DataFolderKey = "session.model_external_initializers_file_folder_path";

    private readonly InferenceSession _session;
    private readonly RunOptions _run = new() { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL };
    private readonly string _file;

    private RuntimeSession(InferenceSession session, string file)
    {
        _session = session;
        _file = file;
    }

    /// <summary>
    /// Loads a model that need not exist as a file. Refuses what the runtime cannot load. Throws <see cref="InputFileException"/> where the
    /// model's files are gone.
    /// </summary>
    public static RuntimeSession Load(OnnxModel model, ExecutionTarget target)
    {
        NodeContracts.Refuse(model, target.IsCpu);
        target.Trial?.Before(model, target);
        var image = RuntimeImage.Of(model);
        var file = Path.GetFileName(model.Path);
        using var options = target.Options();
        options.AddSessionConfigEntry(DataFolderKey, image.DataFolder);
        try
        {
            return new RuntimeSession(new InferenceSession(image.Bytes, options), file);
        }
        catch (OnnxRuntimeException e)
        {
            _ = ModelFiles.Of(model); // it may load no longer because a file is gone, and that is no property of the model
            throw new RefusedException(LoadCode, file, $"ONNX Runtime does not load it ({RuntimeWords.Of(e).Reason})", Around, e);
        }
    }

    /// <summary>True for a refusal that says what the runtime could not do.</summary>
    public static bool Failed(RefusedException e) => e.Refusal.Code is LoadCode or RunCode;

    /// <summary>Element type of an output, as the runtime infers it; undefined for what is no tensor.</summary>
    public ElementType TypeOf(string output) =>
        _session.OutputMetadata[output] is { IsTensor: true } found ? (ElementType)(int)found.ElementDataType : ElementType.Undefined;

    /// <summary>Outputs in the order of their names, in the host's memory. Refuses what the runtime fails at.</summary>
    public IDisposableReadOnlyCollection<OrtValue> Run(IReadOnlyDictionary<string, OrtValue> feeds, IReadOnlyCollection<string> outputs) =>
        Guarded(() => _session.Run(_run, [.. feeds.Keys], [.. feeds.Values], outputs));

    /// <summary>The same, each output in the memory that is said of it.</summary>
    public IDisposableReadOnlyCollection<OrtValue> Run(
        IReadOnlyDictionary<string, OrtValue> feeds, IReadOnlyCollection<string> outputs, Func<string, OrtMemoryInfo> place) =>
        Guarded(() =>
    {
        using var binding = _session.CreateIoBinding();
        foreach (var (name, value) in feeds) binding.BindInput(name, value);
        foreach (var output in outputs) binding.BindOutputToDevice(output, place(output));
        return _session.RunWithBoundResults(_run, binding);
    });

    public void Dispose()
    {
        _run.Dispose();
        _session.Dispose();
    }

    private IDisposableReadOnlyCollection<OrtValue> Guarded(Func<IDisposableReadOnlyCollection<OrtValue>> run)
    {
        try
        {
            return run();
        }
        catch (OnnxRuntimeException e)
        {
            var words = RuntimeWords.Of(e);
            var what = $"ONNX Runtime stops at this {words.Operator ?? "model"} ({words.Reason})";
            throw new RefusedException(RunCode, words.Node ?? _file, what, Around, e);
        }
    }
}
