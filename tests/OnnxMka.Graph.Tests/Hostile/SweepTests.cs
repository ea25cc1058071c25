using Xunit.Abstractions;
namespace OnnxMka.Graph.Tests.Hostile;
public sealed class SweepTests(ITestOutputHelper output)
{
    [Fact]
    public void Sweep()
    {
        using var folder = TestFolder.Create();
        foreach (var part in new[] {"nodes","attributes","initializers","constants","value infos","dimensions","inputs of a node","names of a node","metadata","external data","ints","unpacked ints","unpacked floats","shape of a tensor","unknown fields","unknown numbers","one name","opsets","subgraphs"})
        {
            long lo = 1 << 10, hi = 120 << 20; long worst = 0, worstSize = 0; double worstTime = 0;
            for (var i = 0; i < 12; i++)
            {
                var mid = (lo + hi) / 2;
                File.WriteAllBytes(folder["model.onnx"], BombsTests.Bomb(part, (int)mid));
                var before = GC.GetAllocatedBytesForCurrentThread();
                var w = System.Diagnostics.Stopwatch.StartNew();
                var over = false;
                try { Refusals.LoadWhole(folder["model.onnx"]); } catch (RefusedException e) { over = e.Refusal.Code == "MKA003"; }
                var a = GC.GetAllocatedBytesForCurrentThread() - before;
                if (a > worst) { worst = a; worstSize = mid; }
                worstTime = Math.Max(worstTime, w.Elapsed.TotalSeconds);
                if (over) hi = mid; else lo = mid;
            }
            output.WriteLine($"{part}: worst {worst >> 20} MB at {worstSize >> 10} KB, limit {lo >> 10} KB, slowest {worstTime:F1} s");
        }
    }
}
