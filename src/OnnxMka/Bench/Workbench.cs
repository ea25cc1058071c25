using System.Collections.Immutable;
using System.Diagnostics;
using System.Text.Json;
using OnnxMka.Compensation;
using OnnxMka.Graph;
using OnnxMka.Graph.Editing;
using OnnxMka.Json;
using OnnxMka.Measuring;
using OnnxMka.Outcomes;
using OnnxMka.Rewriting;
using OnnxMka.Running.Parts;
using OnnxMka.Running.Tokens;
using OnnxMka.Scoring;
using OnnxMka.Structure;

namespace OnnxMka.Bench;

/// <summary>
/// What all steps of a job share: its texts, the seams of the input, losses that are known, and the states that are being tried. Whether a
/// model runs whole or block by block is decided here; nobody else asks. Not for several threads at once.
/// </summary>
public sealed class Workbench : IDisposable
{
    private readonly BenchOptions _options;
    private readonly Texts _texts;
    private readonly BenchText _text;
    private Runner? _runner;
    private Outlook? _outlook;
    private readonly HashSet<string> _told = new(StringComparer.Ordinal);
    private Journal? _journal;
    private Lineage? _before;
    private readonly BenchSeams _seams;
    private readonly Dictionary<(string State, bool Judges), Loss> _losses = [];
    private readonly Dictionary<string, Analysis> _analyses = new(StringComparer.Ordinal);
    private readonly HeldStates _states = new();
    private readonly Dictionary<string, IDisposable> _kept = new(StringComparer.Ordinal);
    private readonly Dictionary<string, object> _known = new(StringComparer.Ordinal);

    internal Workbench(BlockMap map, string fingerprint, BenchOptions options, Texts texts, IProgressSink progress, CancellationToken stop)
    {
        Input = ModelState.Of(map, fingerprint);
        _options = options;
        _texts = texts;
        _text = new BenchText(texts);
        _seams = new BenchSeams(this, _text, options.Ahead);
        Progress = progress;
        Stop = stop;
    }

    /// <summary>The model as it came.</summary>
    public ModelState Input { get; }

    /// <summary>The kinds of steps that the job has.</summary>
    public StepKinds Kinds => _options.Kinds;

    /// <summary>Where a step says what it is doing.</summary>
    public IProgressSink Progress { get; }

    /// <summary>Ends the job. Long work asks it.</summary>
    public CancellationToken Stop { get; }

    /// <summary>Where models run, and with how much.</summary>
    public RunningOptions Running => _options.Running;

    /// <summary>The last similarities that were computed, or those that were given; null for none.</summary>
    internal Analysis? ShownAnalysis { get; private set; }

    /// <summary>What long work takes, said before it starts.</summary>
    internal Outlook Outlook => _outlook ??= new Outlook(this, _options.Budget, _options.Speed);

    internal StageClock Clock => _options.Clock;

    /// <summary>What a search has found before; null where nothing is kept. Refuses (MKA060) a file of another job.</summary>
    internal Journal? Journal => _options.JournalFile is { } file
        ? _journal ??= Bench.Journal.Open(file, JournalKey.Of(Input, _text, Running.Target.Name))
        : null;

    /// <summary>True while a step tries one number of units after the other: what it has found it will be asked for again.</summary>
    internal bool IsSearching { get; set; }

    /// <summary>Memory is asked once, for the largest of the texts that are run.</summary>
    internal Runner Runner => _runner ??= Runner.For(Input.Structure, _texts.Largest(_options.Evaluates), Running);

    /// <summary>The same; where nothing was run before, one for this text alone.</summary>
    internal Runner RunnerFor(CalibrationSet text) => _runner ?? Runner.For(Input.Structure, text, Running);

    internal BlockChain Chain(BlockMap map) => Runner.Chain(map);

    /// <summary>The decided steps of an open one. Refuses as its kind does.</summary>
    public Decision Decide(Step step, ModelState state) => Kinds.Of(step).Decide(step, state, this);

    /// <summary>
    /// The model after a decided step, which is the caller's: it ends with <see cref="Release(ModelState)"/>, or with the bench.
    /// </summary>
    public StepResult Apply(Step decided, ModelState state)
    {
        var key = state.KeyAfter(TextOf(decided));
        if (_states.Take(key) is { } held) return Kinds.Of(decided).Retold(decided, state, held);
        var made = Kinds.Of(decided).Apply(decided, state, this);
        _states.Own(made.State);
        return made with { State = made.State with { Key = key } };
    }

    /// <summary>Open steps one after the other. The states that they come to are the caller's, as with <see cref="Apply"/>.</summary>
    internal Course Run(IEnumerable<Step> steps, ModelState state)
    {
        var course = new Course(state, [], []);
        foreach (var step in steps)
        {
            var decision = Decide(step, course.State);
            course = course with { Sections = [.. course.Sections, .. decision.Sections] };
            course = decision.Steps.Aggregate(course, Taken);
        }

        return course;
    }

    /// <summary>
    /// Decided steps on a state, and the loss of what they give, on the windows that judge; a journal may know it, and then nothing is run.
    /// The states are the caller's: <see cref="Release(Trial)"/>, or <see cref="Hold(Trial)"/>.
    /// </summary>
    /// <param name="steps">In order.</param>
    /// <param name="state">The model before the first.</param>
    /// <param name="judged">
    /// On the larger set of windows, for comparisons; else on those that nothing of the usual amount is fitted to.
    /// </param>
    public Trial Try(ImmutableArray<Step> steps, ModelState state, bool judged)
    {
        var what = $"{steps.Aggregate(state.Key, (key, step) => ModelState.KeyAfter(key, TextOf(step)))} "
            + $"{(judged ? "judged" : "held out")}";
        if (Journal?.Find(what) is { } known) return new Trial(steps, known.Loss, known.Seconds);
        var clock = Stopwatch.StartNew();
        var course = steps.Aggregate(new Course(state, [], []), Taken);
        var loss = LossOf(course.State, judged);
        Journal?.Add(what, loss, clock.Elapsed.TotalSeconds);
        return new Trial(steps, loss, clock.Elapsed.TotalSeconds) { Course = course };
    }

    /// <summary>Gives back what a trial came to.</summary>
    public void Release(Trial trial)
    {
        if (trial.Course is { } course) Release(course);
    }

    /// <summary>Keeps what a trial came to until its steps are applied.</summary>
    public void Hold(Trial trial)
    {
        foreach (var taken in trial.Course?.Taken ?? []) Hold(taken);
    }

    /// <summary>Keeps what a decided step made of a state until it is applied there again, which then costs nothing.</summary>
    internal void Hold(TakenStep taken) => _states.Hold(taken.Before.KeyAfter(TextOf(taken.Step)), taken.Result);

    /// <summary>Gives back the weights of a model that nobody runs or writes any more.</summary>
    public void Release(ModelState state) => _states.Release(state);

    /// <summary>The same for all states that a course came to.</summary>
    internal void Release(Course course)
    {
        foreach (var taken in course.Taken) Release(taken.Result.State);
    }

    /// <summary>Nats a token on the calibration windows that nothing was fitted to; measured once.</summary>
    public Loss HeldOutLoss(ModelState state) => LossOf(state, judges: false);

    /// <summary>The same on windows that not even an ample fit saw, more of them: for comparisons.</summary>
    public Loss JudgedLoss(ModelState state) => LossOf(state, judges: true);

    /// <summary>Windows that something is fitted to.</summary>
    public int Windows(TextAmount amount) => _text.Of(amount).Fit.Count;

    /// <summary>The windows themselves, with those that judge the fit.</summary>
    internal CalibrationSplit Text(TextAmount amount) => _text.Of(amount);

    /// <summary>
    /// Does something with the input's seams over so much text. They are the bench's, and end with it; those of more than the usual amount
    /// with this call. Refuses text or ids that do not fit the model, and activations that are not finite (MKA033).
    /// </summary>
    public T WithSeams<T>(TextAmount amount, Func<SplitSeams, T> work) => _seams.With(amount, work);

    /// <summary>
    /// The seams of a state over the usual text: what a choice of its units looks at. Those of any but the input end with this call.
    /// Refuses as <see cref="WithSeams"/> does.
    /// </summary>
    public T WithSeamsOf<T>(ModelState state, Func<SplitSeams, T> work) =>
        state.Key == Input.Key ? WithSeams(TextAmount.Usual, work) : _seams.WithThoseOf(state, work);

    /// <summary>
    /// Similarities of a model's seams; of the input those that were given, where there are any. Refuses those of another model.
    /// </summary>
    internal Analysis Analyse(ModelState state)
    {
        var isInput = state.Key == Input.Key;
        if (isInput && _options.Scoring.Analysis is { } given)
        {
            given.RequireFor(state.Structure, Input.Lineage.Plan.Fingerprint);
            return ShownAnalysis = given;
        }

        if (!_analyses.TryGetValue(state.Key, out var analysis))
        {
            _analyses[state.Key] = analysis = ModelScoring.Run(
                Runner, state.Structure, _texts.Calibration, _options.Scoring, Input.Lineage.Plan.Fingerprint, Progress, Stop, Clock);
        }

        return isInput ? ShownAnalysis = analysis : analysis;
    }

    /// <summary>Model and data files that a state would be written as.</summary>
    public long PlannedBytes(ModelState state) => PlannedBytes(Finished(state));

    /// <summary>The same of one that is finished.</summary>
    internal long PlannedBytes(RewrittenModel finished) =>
        ModelWriter.Plan(finished.Model, _options.OutputName, _options.ForceExternalData).TotalBytes;

    /// <summary>A state as it is written: layers numbered anew, and its lineage in its metadata. The input stays as it is.</summary>
    internal RewrittenModel Finished(ModelState state)
    {
        var plan = state.Lineage.Plan;
        var renamed = ModelRewriter.Renumber(Input.Structure, plan, state.Reduced, _options.KeepNames);
        if (!plan.Removed.Any() && state.Lineage.Changes.IsEmpty) return renamed;
        var (script, origin) = (new EditScript(), Origin(state));
        script.Add("sign", new GraphEdit.SetMetadata(LineageJson.Key, LineageJson.Write(origin)));
        script.Add("sign", new GraphEdit.SetMetadata(ModelRewriter.LayerMapKey, LineageJson.Blocks(origin)));
        var model = GraphEditor.Apply(renamed.Model, script);
        var finished = renamed with { Model = model, Blocks = renamed.Blocks with { Model = model } };
        if (state.Lineage.Changes.IsEmpty) return finished;
        var widths = MlpWidths.Of(finished.Blocks);
        return widths.SetEquals(MlpWidths.Of(Input.Structure)) ? finished : finished with { Widths = widths };
    }

    /// <summary>Lineage from the first original on, which an earlier run may have been given.</summary>
    internal Lineage Origin(ModelState state) =>
        (_before ??= LineageJson.Of(Input.Structure, Input.Lineage.Plan.Fingerprint, Progress.Note)).Then(state.Lineage);

    /// <summary>
    /// Why no pass can be made over units of this input; null where one can. Runs the input's blocks over the usual text.
    /// </summary>
    internal string? PassObstacle()
    {
        try
        {
            if (!_texts.CanCalibrate) return "there is no text to fit to";
            return WithSeams(TextAmount.Usual, _ => (string?)null);
        }
        catch (RefusedException e)
        {
            return $"{e.Refusal.Where}: {e.Refusal.What}";
        }
    }

    /// <summary>A line for people, the first time.</summary>
    internal void NoteOnce(string line)
    {
        if (_told.Add(line)) Progress.Note(line);
    }

    /// <summary>Small figures that are asked for again, by name; they are computed once.</summary>
    internal T Known<T>(string name, Func<T> find)
        where T : notnull => (T)(_known.TryGetValue(name, out var known) ? known : _known[name] = find());

    /// <summary>Something that a search needs again, by name; it ends with <see cref="Forget"/> or with the bench.</summary>
    internal T Kept<T>(string name, Func<T> make)
        where T : IDisposable
    {
        if (!_kept.TryGetValue(name, out var kept)) _kept[name] = kept = make();
        return (T)kept;
    }

    internal void Forget(string name)
    {
        if (_kept.Remove(name, out var kept)) kept.Dispose();
    }

    /// <summary>Frees what the bench keeps. Whoever opened it does so: never a step.</summary>
    public void Dispose()
    {
        foreach (var kept in _kept.Values) kept.Dispose();
        _seams.Dispose();
        _states.Dispose();
        _kept.Clear();
    }

    /// <summary>A course, one decided step further.</summary>
    private Course Taken(Course course, Step decided)
    {
        var taken = new TakenStep(decided, course.State, Apply(decided, course.State));
        return course with { Taken = [.. course.Taken, taken], Sections = [.. course.Sections, .. taken.Result.Sections] };
    }

    private static string TextOf(Step step) => $"{step.GetType().Name} {JsonSerializer.Serialize(step, step.GetType(), JsonForm.Line)}";

    private Loss LossOf(ModelState state, bool judges)
    {
        if (_losses.TryGetValue((state.Key, judges), out var known)) return known;
        NextTokenScores.Refuse(Input.Structure);
        var text = judges ? _text.Judges : _text.HeldOut;
        return _losses[(state.Key, judges)] = Perplexity.Measure(Runner, state.Structure, text, null, Stop).Loss;
    }
}
