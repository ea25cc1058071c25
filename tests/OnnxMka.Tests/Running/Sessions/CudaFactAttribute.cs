using OnnxMka.Running.Sessions;

namespace OnnxMka.Tests.Running.Sessions;

/// <summary>A test that runs models on a CUDA GPU. Skipped, with the reason, where that is not possible.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class CudaFactAttribute : FactAttribute
{
    private static readonly Lazy<string?> Problem = new(() => ExecutionTarget.CudaProblem(CudaInstallation.OfThisMachine(), 0));

    public CudaFactAttribute() => Skip = Problem.Value;
}
