namespace OnnxMka.Alignment.Tests;

public sealed class GoldenScoresTests() : GoldenScoresContract(new CpuScoringKernels());
