using System.Collections.Immutable;
using OnnxMka.Planning;

namespace OnnxMka.Matching;

/// <summary>Units of one block put in the order of the block that it is merged into.</summary>
/// <param name="Into">Original number of the block that stays.</param>
/// <param name="Block">Original number of the block whose units moved.</param>
/// <param name="Moved">Units that stand elsewhere than before.</param>
/// <param name="Before">Mean correlation, over calibration tokens, of what units at the same place write to the stream.</param>
/// <param name="After">The same in the new order.</param>
/// <param name="Proof"><c>||y' - y|| / ||y - x||</c> with the units in reverse order: x what the block takes, y what it leaves.</param>
internal sealed record UnitMatch(int Into, int Block, AlignUnits Units, int Moved, int Count, double Before, double After, double Proof);

/// <summary>Shares of one merged block, fitted.</summary>
/// <param name="Block">Original number of the block that stays.</param>
/// <param name="ErrorBefore">
/// <c>||t - y|| / ||t||</c> on held-out tokens: y what the merged block leaves with the planned shares, t the original stream there.
/// </param>
/// <param name="ErrorAfter">The same with the fitted shares.</param>
/// <param name="Kept">False where held-out error did not fall: the planned shares stay.</param>
/// <param name="Shares">Share of the kept block in each parameter.</param>
internal sealed record ShareFit(int Block, double ErrorBefore, double ErrorAfter, bool Kept, ImmutableArray<FittedShare> Shares);

/// <summary>Share of the kept block in one parameter; the blocks merged into it make up the rest.</summary>
internal sealed record FittedShare(string Role, double Alpha);

/// <summary>What was done to make averages better.</summary>
internal sealed record MergeReport(ImmutableArray<UnitMatch> Matches, ImmutableArray<ShareFit> Fits);
