namespace OnnxMka.Alignment;

/// <summary>
/// The numbers given cannot carry the statistic asked of them: identical points, a constant column, a non-finite
/// value, too few samples, an eigenpair that did not settle. The message is one line: what is wrong, and what to do.
/// </summary>
internal sealed class DegenerateDataException : Exception
{
    public DegenerateDataException()
    {
    }

    public DegenerateDataException(string message)
        : base(message)
    {
    }

    public DegenerateDataException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
