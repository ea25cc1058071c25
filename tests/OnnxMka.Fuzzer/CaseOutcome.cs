namespace OnnxMka.Fuzzer;

internal enum CaseEnd
{
    /// <summary>The model was written and passed its checks; the operator ran.</summary>
    Done,

    /// <summary>With the code of the refusal as detail; <c>runtime</c> where ONNX Runtime refuses an operator alone.</summary>
    Refused,

    /// <summary>The output did not pass its checks.</summary>
    FailedChecks,

    /// <summary>ONNX Runtime ended the process, and with a child process before it the model is refused.</summary>
    Contained,

    /// <summary>ONNX Runtime ended the process that ran an operator alone: its contract says less than its kernel takes on trust.</summary>
    Kernel,

    /// <summary>The case took more memory than a case may, and its process was ended.</summary>
    OverMemory,

    /// <summary>The case did not end, even with a child process before it.</summary>
    Hung,

    /// <summary>ONNX Runtime ended the process though a child process had survived the model.</summary>
    Escaped,

    /// <summary>An exception that is none of the above: a bug of the tool.</summary>
    Uncaught,
}

/// <summary>How a case ended.</summary>
/// <param name="Detail">Code of a refusal, signal, or the exception.</param>
internal sealed record CaseOutcome(int Seed, CaseEnd End, string Detail);
