using OnnxMka.Outcomes;
using OnnxMka.Running.Sessions;

namespace OnnxMka.Tests.Running.Sessions;

public sealed class ExecutionTargetTests
{
    /// <summary>No machine has it.</summary>
    private const int NoSuchDevice = 99;

    [Fact]
    public void Auto_falls_back_and_says_why()
    {
        var problem = ExecutionTarget.CudaProblem(CudaInstallation.OfThisMachine(), NoSuchDevice);
        Assert.NotNull(problem);
        Assert.Equal(ExecutionTarget.Cpu with { Note = $"running on the CPU ({problem})" }, ExecutionTarget.Choose("auto", NoSuchDevice));
        var refused = Assert.Throws<ExecutionTargetException>(() => ExecutionTarget.Choose("cuda", NoSuchDevice));
        Assert.Equal($"CUDA was asked for and is not usable: {problem}. Use --ep cpu, or --ep auto to fall back.", refused.Message);
        Assert.Same(ExecutionTarget.Cpu, ExecutionTarget.Choose("cpu", NoSuchDevice));
    }

    [Fact]
    public void The_command_says_so_too_and_goes_on()
    {
        var result = ToolProcess.Run(
            Books16.ModelPath, "--blocks", "5", "--method", "drop", "--dry-run", "--device-id", NoSuchDevice.ToString());
        Assert.Equal(0, result.ExitCode);
        Assert.Contains("running on the CPU (", result.Errors, StringComparison.Ordinal);
    }
}
