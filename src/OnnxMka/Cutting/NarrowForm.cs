using System.Collections.Immutable;
using OnnxMka.Compensation;
using OnnxMka.Graph.Editing;

namespace OnnxMka.Cutting;

/// <summary>What an MLP with fewer neurons, or narrower heads, ask of a model.</summary>
/// <param name="Nodes">Numbers and ports that follow.</param>
internal sealed record NarrowForm(ImmutableArray<Revision> Revisions, EditScript Nodes);
