using OnnxMka.Compensation;
using OnnxMka.Structure;

namespace OnnxMka.Bench;

/// <summary>What a step will take, before it starts.</summary>
/// <param name="What">For people, before a time.</param>
/// <param name="Effort">At most, whichever units go.</param>
/// <param name="Unknowns">Of the widest least squares that is fitted to text; 0 for none worth a word.</param>
/// <param name="Budget">Time in which a search starts new trials; the effort is then that of the first ones. Null for no search.</param>
internal sealed record Prospect(string What, Effort Effort, int Unknowns, TimeSpan? Budget = null)
{
    public double Seconds(MachineSpeed speed) => Math.Max(Effort.Seconds(speed), Budget?.TotalSeconds ?? 0);

    /// <summary>A pass that does such work with every unit.</summary>
    public static Effort PassOver(BlockMap map, CalibrationSplit split, IUnitWork work) =>
        map.Count * work.Effort(map, split, most: true);

    /// <summary>
    /// So many losses over so many tokens each: what lies outside the blocks, the head most of all, counts as more of them.
    /// </summary>
    public static Effort Losses(BlockMap map, int times, long tokens)
    {
        var blocks = map.Blocks.Sum(map.ParameterCount);
        var all = map.Model.Graph.Initializers.Values.Sum(t => t.ElementCount);
        return (times * map.Count * Math.Max(1.0, (double)all / blocks)) * new Effort(1, 0, tokens, 0);
    }
}
