using System.Collections.Immutable;
using OnnxMka.Bench;
using OnnxMka.Compensation;
using OnnxMka.Steps.Folding;
using OnnxMka.Steps.Refitting;
using OnnxMka.Steps.SeamMapping;

namespace OnnxMka.Steps.Comparing;

/// <summary>Corrections as the command line names them, each with its step.</summary>
internal static class CorrectionNames
{
    /// <summary>In the order of help; <c>auto</c> tries them all.</summary>
    public static ImmutableArray<string> All { get; } = ["refit", "fold", "linear", "hadamard", "scale", "auto"];

    /// <param name="name">One of <see cref="All"/>.</param>
    /// <param name="ridge">Null for that of the correction.</param>
    /// <param name="passes">Of a refit.</param>
    public static Step Step(string name, double? ridge, int passes) => name switch
    {
        "refit" => new Refit { Ridge = ridge, Passes = passes },
        "fold" => new Fold { Ridge = ridge },
        "auto" => new Correct { Ridge = ridge, Passes = passes },
        _ => new MapSeams { Ridge = ridge, Map = Enum.Parse<SeamMapForm>(name, ignoreCase: true) },
    };
}
