using OnnxMka.Running.Sessions;

namespace OnnxMka.Tests.Running.Sessions;

public sealed class CudaFoldersTests : IDisposable
{
    private readonly TempFolder _root = new();

    [Fact]
    public void The_usual_paths_are_found_in_order()
    {
        string[] expected =
        [
            Make("named"),
            Make("home/cuda/lib64"),
            Make("usr/local/cuda-13.0/lib64"),
            Make("usr/local/cuda-13.0/targets/x86_64-linux/lib"),
            Make("usr/local/cuda-12.4/lib64"),
            Make("venv/lib/python3.12/site-packages/nvidia/cu13/lib"),
            Make("venv/lib/python3.12/site-packages/nvidia/cudnn/lib"),
            Make("conda/lib"),
            Make("conda/lib/python3.11/site-packages/nvidia/cudnn/lib"),
            Make("pyenv/lib/python3.10/site-packages/nvidia/cudnn/lib"),
            Make("home/.local/lib/python3.12/site-packages/nvidia/cublas/lib"),
            Make("usr/lib/python3/dist-packages/nvidia/cu13/lib"),
        ];
        Make("conda/conda-meta");
        Make("usr/local/lib/python3.12/dist-packages/numpy/lib");
        Make("pyenv/bin");
        File.WriteAllText(_root["pyenv/bin/python3"], "");
        var variables = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["LD_LIBRARY_PATH"] = $"{_root["missing"]}:{_root["named"]}",
            ["CUDA_HOME"] = _root["home/cuda"],
            ["VIRTUAL_ENV"] = _root["venv"],
            ["CONDA_PREFIX"] = _root["conda"],
            ["PATH"] = $"{_root["named"]}:{_root["pyenv/bin"]}",
            ["HOME"] = _root["home"],
        };
        Assert.Equal(expected, CudaFolders.Of(variables.GetValueOrDefault, _root.FullPath));
    }

    /// <summary>
    /// <c>local/bin/python3</c> leads into an environment, whose own leads to the system's; folders on the way may be links too, and a
    /// path may end with a separator.
    /// </summary>
    [Theory]
    [InlineData("local/bin")]
    [InlineData("local/bin/")]
    [InlineData("short")]
    public void Each_link_of_python3_may_lead_into_an_environment(string onPath)
    {
        string[] expected =
        [
            Make("venv/lib/python3.12/site-packages/nvidia/cudnn/lib"),
            Make("opt/python/lib/python3.12/site-packages/nvidia/cu13/lib"),
        ];
        foreach (var folder in new[] { "local/bin", "venv/bin", "opt/python/bin" }) Make(folder);
        File.WriteAllText(_root["opt/python/bin/python3.12"], "");
        File.CreateSymbolicLink(_root["venv/bin/python3"], _root["opt/python/bin/python3.12"]);
        File.CreateSymbolicLink(_root["local/bin/python3"], "../../venv/bin/python3");
        Directory.CreateSymbolicLink(_root["short"], _root["local/bin"]);
        Assert.Equal(expected, CudaFolders.Of(name => name == "PATH" ? _root[onPath] : null, _root.FullPath));
    }

    [Fact]
    public void Links_that_lead_nowhere_or_in_a_circle_are_passed_over()
    {
        Make("bin");
        File.CreateSymbolicLink(_root["bin/python3"], _root["bin/python"]);
        Assert.Empty(CudaFolders.Of(name => name == "PATH" ? _root["bin"] : null, _root.FullPath));
        File.CreateSymbolicLink(_root["bin/python"], _root["bin/python3"]);
        Assert.Empty(CudaFolders.Of(name => name == "PATH" ? _root["bin"] : null, _root.FullPath));
        File.Delete(_root["bin/python"]);
        Directory.CreateSymbolicLink(_root["round"], _root["round"]);
        File.CreateSymbolicLink(_root["bin/python"], _root["round/python3"]);
        Assert.Empty(CudaFolders.Of(name => name == "PATH" ? _root["bin"] : null, _root.FullPath));
    }

    [Fact]
    public void An_empty_machine_has_none() => Assert.Empty(CudaFolders.Of(_ => null, _root.FullPath));

    public void Dispose() => _root.Dispose();

    private string Make(string folder) => Directory.CreateDirectory(_root[folder]).FullName;
}
