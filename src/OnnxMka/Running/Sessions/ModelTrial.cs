using System.Globalization;
using OnnxMka.Graph;
using OnnxMka.Isolation;
using OnnxMka.Outcomes;
using OnnxMka.Running.Parts;

namespace OnnxMka.Running.Sessions;

/// <summary>
/// Runs each model that a command is given in a child process before its first session here. Models made from it here are of the same
/// operators, attributes and shapes, and are not tried again.
/// </summary>
/// <param name="models">Paths of the models that come from outside.</param>
/// <param name="memory">Bytes that running one may take.</param>
internal sealed class ModelTrial(IReadOnlyCollection<string> models, long memory, CancellationToken ct)
{
    /// <summary>What the child is asked.</summary>
    public const string Verb = "model";

    /// <summary>The slowest that a model is read and prepared, in bytes a second: a network's disk, one busy core.</summary>
    private const double SlowestLoad = 20e6;

    /// <summary>A small model takes a second; a hundred other processes may wait for the same core.</summary>
    private static readonly TimeSpan Shortest = TimeSpan.FromSeconds(60);

    private readonly HashSet<string> _left = models.Select(Path.GetFullPath).ToHashSet(StringComparer.Ordinal);
    private readonly Lock _gate = new();

    /// <summary>Called before every session. Refuses a model that the child did not survive.</summary>
    public void Before(OnnxModel model, ExecutionTarget target)
    {
        lock (_gate)
        {
            if (!_left.Remove(Path.GetFullPath(model.Path))) return;
            if (!ChildProbe.IsAvailable)
            {
                throw new ExecutionTargetException(
                    "A model can be tried in a child process by the command onnx-mka alone, and this is another program. "
                    + "Leave isolation out.");
            }

            var outcome = ChildProbe.Run(Verb, Arguments(model.Path, target, memory), Limit(ModelFiles.Of(model).TotalBytes), ct);
            if (outcome.End == ChildEnd.Answered) return;
            throw new RefusedException(
                "MKA029",
                Path.GetFileName(model.Path),
                $"a child process that loaded it and ran a few tokens {outcome.Text}",
                "The file is damaged, or ONNX Runtime has a fault; "
                + "export it again, or name the blocks with --blocks and use --method drop --no-eval --no-verify");
        }
    }

    /// <summary>Arguments of the child, which <c>ModelProbe</c> reads.</summary>
    /// <param name="memory">Bytes that the model may take: where it takes more, it runs one block at a time.</param>
    internal static string[] Arguments(string modelPath, ExecutionTarget target, long memory) =>
        [modelPath, target.Name, target.DeviceId.ToString(CultureInfo.InvariantCulture), memory.ToString(CultureInfo.InvariantCulture)];

    internal static TimeSpan Limit(long bytes) => Shortest + TimeSpan.FromSeconds(bytes / SlowestLoad);
}
