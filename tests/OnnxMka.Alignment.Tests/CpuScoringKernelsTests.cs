namespace OnnxMka.Alignment.Tests;

public sealed class CpuScoringKernelsTests() : ScoringKernelsContract(new CpuScoringKernels());
