using System.Collections.Concurrent;
using System.Text;
using OnnxMka.Forge;
using OnnxMka.Steps.Cutting;

namespace OnnxMka.Tests.Cutting;

/// <summary>Every form that exporters write, cut wherever it can be cut.</summary>
public sealed class CutFormTests
{
    /// <summary>
    /// Widths of MLPs and ranks of all other matrices, against the same factors put back dense by the test: in one run, and token by token.
    /// What cannot be cut is named with its reason.
    /// </summary>
    [Fact]
    public void Cuts_compute_what_their_factors_say_or_are_refused_with_a_reason()
    {
        var (told, wrong) = (new ConcurrentDictionary<string, string>(), new ConcurrentBag<string>());
        Parallel.ForEach(Presets.Accepted, new ParallelOptions { MaxDegreeOfParallelism = 2 }, preset =>
        {
            try
            {
                using var model = new CutModel(preset.Model());
                told[preset.Name] = Told(model);
                if (Problem(model) is { } problem) wrong.Add($"{preset.Name}: {problem}");
            }
            catch (RefusedException e)
            {
                told[preset.Name] = $"  refused: {e.Message}\n";
            }
            catch (Exception e)
            {
                wrong.Add($"{preset.Name}: {e}");
            }
        });
        Assert.True(wrong.IsEmpty, string.Join('\n', wrong));
        Golden.Check("CutForms", string.Concat(Presets.Accepted.Select(p => $"{p.Name}\n{told[p.Name]}")));
    }

    /// <summary>Null where all is right.</summary>
    internal static string? Problem(CutModel model)
    {
        var units = model.Halved;
        if (units.IsEmpty) return null;
        var (difference, tolerance, control) = model.Compare(model.After(new Cut { Units = units }));
        if (!(difference <= tolerance)) return $"{difference:e2}, at most {tolerance:e2}";
        // The control: without its largest direction a pair is another matrix.
        return control > tolerance ? null : $"the control is off by {control:e2} alone, and {tolerance:e2} is allowed";
    }

    /// <summary>Units that lose the same are one line.</summary>
    private static string Told(CutModel model)
    {
        var text = new StringBuilder();
        foreach (var like in model.Units.GroupBy(u => (
            Sizes: string.Join(", ", u.Sizes.Select(s => $"{s.Key} {s.Value}")), Obstacles: string.Join("; ", u.Obstacles))))
        {
            text.Append("  ").AppendJoin(' ', like.Select(u => u.Block.Name)).Append(": ").Append(like.Key.Sizes.Length > 0 ? like.Key.Sizes : "nothing");
            text.Append(like.Key.Obstacles.Length > 0 ? $"; not {like.Key.Obstacles}\n" : "\n");
        }

        return text.ToString();
    }
}
