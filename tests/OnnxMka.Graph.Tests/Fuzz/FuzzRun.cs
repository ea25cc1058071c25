using System.Diagnostics;
using Google.Protobuf;

namespace OnnxMka.Graph.Tests.Fuzz;

/// <summary>Runs cases that follow from (seed, number) alone, so that one of them can be run again.</summary>
/// <param name="subject">Reads the model of a path as the product would, and says what became of it.</param>
internal sealed class FuzzRun(int seed, Func<string, FuzzFixture, string> subject)
{
    private const long MostBytes = 512L << 20;
    private const string TooSlow = "took more than five seconds";
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(5);

    private readonly FuzzFixture[] _fixtures = FuzzFixture.All();

    private readonly Dictionary<string, int> _outcomes = new(StringComparer.Ordinal);

    /// <summary>How often each outcome came up.</summary>
    public IReadOnlyDictionary<string, int> Outcomes => _outcomes;

    public TimeSpan Slowest { get; private set; }

    public long MostAllocated { get; private set; }

    /// <summary>
    /// Runs cases on all cores; throws for the first that ends in anything but an outcome, with the command that repeats it.
    /// </summary>
    public void Run(int first, int count)
    {
        var failures = new List<string>();
        var next = first - 1;
        var workers = Enumerable.Range(0, Environment.ProcessorCount).Select(_ => new Thread(() =>
        {
            using var place = new FuzzPlace(_fixtures);
            int number;
            while ((number = Interlocked.Increment(ref next)) < first + count && failures.Count == 0)
            {
                var failure = RunCase(place, number);
                if (failure is null) continue;
                lock (failures) failures.Add($"{failure}\nRepeat with FUZZ_SEED={seed} FUZZ_CASE={number} and the same test.");
            }
        })).ToArray();
        foreach (var worker in workers) worker.Start();
        foreach (var worker in workers) worker.Join();
        if (failures.Count > 0) throw new InvalidOperationException(failures[0]);
    }

    private string? RunCase(FuzzPlace place, int number)
    {
        var random = new Random(HashOf(seed, number));
        var fixture = _fixtures[random.Next(_fixtures.Length)];
        var path = place.Prepare(fixture, Mutate(fixture, random), random);
        // A machine that does other things too may stop for seconds: what is slow must be slow three times.
        string? failure = null;
        for (var attempt = 0; attempt < 3 && (attempt == 0 || failure == TooSlow); attempt++) failure = Try(path, fixture);
        return failure is null ? null : $"{fixture.Name}: {failure}";
    }

    private string? Try(string path, FuzzFixture fixture)
    {
        var watch = Stopwatch.StartNew();
        var before = GC.GetAllocatedBytesForCurrentThread();
        string outcome;
        try
        {
            outcome = subject(path, fixture);
        }
        catch (RefusedException e)
        {
            outcome = e.Refusal.Code;
        }
        catch (Exception e)
        {
            return e.ToString();
        }

        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        if (watch.Elapsed > Longest) return TooSlow;
        Count(outcome, watch.Elapsed, allocated);
        return allocated > MostBytes ? $"allocated {allocated:N0} bytes" : null;
    }

    private byte[] Mutate(FuzzFixture fixture, Random random)
    {
        var other = _fixtures[random.Next(_fixtures.Length)];
        var bytes = fixture.Bytes;
        if (random.Next(10) < 7)
        {
            var proto = fixture.Proto.Clone();
            for (var i = random.Next(1, 4); i > 0; i--) FieldMutations.Apply(proto, other, random);
            bytes = proto.ToByteArray();
            if (random.Next(7) > 0) return bytes;
        }

        for (var i = random.Next(1, 3); i > 0; i--) bytes = ByteMutations.Apply(bytes, fixture.StructurePositions, other, random);
        return bytes;
    }

    private void Count(string outcome, TimeSpan time, long allocated)
    {
        lock (_outcomes)
        {
            _outcomes[outcome] = _outcomes.GetValueOrDefault(outcome) + 1;
            if (time > Slowest) Slowest = time;
            MostAllocated = Math.Max(MostAllocated, allocated);
        }
    }

    /// <summary>Not <see cref="HashCode"/>, which differs from run to run.</summary>
    private static int HashOf(int seed, int number) => unchecked((int)((((uint)seed * 2_654_435_761u) ^ (uint)number) * 2_246_822_519u));
}

/// <summary>
/// The folders of one worker: for each fixture its data files, links and pipes that lead astray, and a secret beside them.
/// </summary>
internal sealed class FuzzPlace : IDisposable
{
    private readonly TestFolder _folder = TestFolder.Create();

    /// <summary>Fixtures whose data files the last case damaged.</summary>
    private readonly HashSet<FuzzFixture> _damaged = [];

    public FuzzPlace(FuzzFixture[] fixtures)
    {
        File.WriteAllBytes(_folder["secret.bin"], new byte[1 << 16]);
        foreach (var fixture in fixtures)
        {
            var folder = _folder.Sub(fixture.Name);
            fixture.Save(folder);
            File.CreateSymbolicLink(Path.Combine(folder, "link-out"), "../secret.bin");
            Directory.CreateSymbolicLink(Path.Combine(folder, "folder-out"), "..");
            File.CreateSymbolicLink(Path.Combine(folder, "loop"), "loop");
            if (OperatingSystem.IsLinux()) NativePipe.Make(Path.Combine(folder, "pipe"));
        }
    }

    /// <summary>Writes the damaged model, and now and then damages a data file too.</summary>
    public string Prepare(FuzzFixture fixture, byte[] model, Random random)
    {
        var folder = _folder[fixture.Name];
        if (_damaged.Remove(fixture)) fixture.Save(folder);
        if (fixture.Files.Count > 0 && random.Next(25) == 0)
        {
            _damaged.Add(fixture);
            var file = Path.Combine(folder, fixture.Files.Keys.ElementAt(random.Next(fixture.Files.Count)));
            if (random.Next(2) == 0) File.Delete(file);
            else Cut(file, random);
        }

        var path = Path.Combine(folder, "model.onnx");
        File.WriteAllBytes(path, model);
        return path;
    }

    public void Dispose() => _folder.Dispose();

    private static void Cut(string path, Random random)
    {
        using var file = File.OpenWrite(path);
        file.SetLength(random.NextInt64(file.Length + 1));
    }
}
