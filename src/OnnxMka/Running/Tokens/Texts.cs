namespace OnnxMka.Running.Tokens;

/// <summary>The token sequences of one job: those it calibrates on, and held-back ones that it never calibrates on.</summary>
internal sealed class Texts : IDisposable
{
    private const int Ampler = 4;

    private readonly CalibrationOptions _options;
    private readonly Lazy<Tokenizer?> _tokenizer;
    private readonly Lazy<CalibrationSet> _calibration;
    private readonly Lazy<CalibrationSet> _ample;
    private readonly Lazy<CalibrationSet?> _heldBack;

    public Texts(CalibrationOptions options, string modelPath, CancellationToken ct = default)
    {
        _options = options;
        var samples = options.Samples ?? CalibrationOptions.Usual;
        _tokenizer = new Lazy<Tokenizer?>(() => Tokenizer.Beside(modelPath, ct));
        _calibration = new Lazy<CalibrationSet>(() => MakeCalibration(modelPath, samples));
        _ample = new Lazy<CalibrationSet>(() => MakeCalibration(modelPath, checked(samples * Ampler)));
        _heldBack = new Lazy<CalibrationSet?>(MakeHeldBack);
    }

    /// <summary>Refuses a model without tokenizer where no ids were given.</summary>
    public CalibrationSet Calibration => _calibration.Value;

    /// <summary>
    /// Four times as many windows of the same text, or as many as it has; those of <see cref="Calibration"/> may be among them.
    /// </summary>
    public CalibrationSet Ample => _ample.Value;

    /// <summary>
    /// Windows of the built-in held-back prose. Without a tokenizer: the last rows of the id file (every fifth row, taken out of
    /// calibration); null where there is nothing to run.
    /// </summary>
    public CalibrationSet? HeldBack => _heldBack.Value;

    /// <summary>The larger of the texts that a job runs: it measures on held-back text only where it evaluates.</summary>
    internal CalibrationSet Largest(bool evaluates) =>
        (evaluates ? HeldBack : null) is { } heldBack && heldBack.TokenCount > Calibration.TokenCount ? heldBack : Calibration;

    /// <summary>False for a model without tokenizer where no ids were given.</summary>
    public bool CanCalibrate => _options.IdsFile is not null || _tokenizer.Value is not null;

    /// <summary>Text of token ids; the ids themselves without a tokenizer.</summary>
    public string Decode(int[] ids) => _tokenizer.Value?.Decode(ids) ?? string.Join(' ', ids);

    public void Dispose()
    {
        if (_tokenizer.IsValueCreated) _tokenizer.Value?.Dispose();
    }

    private CalibrationSet MakeCalibration(string modelPath, int samples)
    {
        if (_options.IdsFile is { } ids) return CalibrationSet.FromIds(ids, samples, _options.Length, _options.Seed, row => row % 5 != 4);
        var tokenizer = _tokenizer.Value ?? throw new RefusedException(
            "MKA038",
            Path.GetFileName(modelPath),
            "there is no tokenizer.json beside it, so text cannot be turned into tokens",
            "Put the tokenizer there, or give token ids with --calib-ids FILE (JSON lines, one array of integers each)");
        var text = _options.TextFile is { } file ? TextSource.FromFile(file) : TextSource.BuiltInCalibration;
        return CalibrationSet.FromText(text, tokenizer, samples, _options.Length, _options.Seed);
    }

    private CalibrationSet? MakeHeldBack()
    {
        if (_options.IdsFile is { } ids)
            return CalibrationSet.FromIds(ids, _options.HeldBackSamples, _options.Length, _options.Seed, row => row % 5 == 4);
        return _tokenizer.Value is { } tokenizer
            ? CalibrationSet.FromText(TextSource.BuiltInHeldBack, tokenizer, _options.HeldBackSamples, _options.Length, _options.Seed)
            : null;
    }
}
