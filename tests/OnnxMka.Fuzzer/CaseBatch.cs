using OnnxMka.Forge;
using OnnxMka.Jobs;
using OnnxMka.Outcomes;

namespace OnnxMka.Fuzzer;

/// <summary>The child's side: one case after the other, each told in the journal before and behind it.</summary>
internal static class CaseBatch
{
    public const string Verb = "fuzz";

    /// <summary>A case takes a tenth of a second on a quiet machine; a probe gives a model a minute.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(60);

    /// <summary>
    /// Arguments: first seed, number of cases, folder to work in, journal, and whether a child process tries each model first.
    /// </summary>
    public static string Run(IReadOnlyList<string> arguments)
    {
        var (first, count, folder, isolate) = (int.Parse(arguments[0]), int.Parse(arguments[1]), arguments[2], bool.Parse(arguments[4]));
        using var journal = new StreamWriter(arguments[3], append: true);
        var current = first;
        using var limits = new CaseLimits(
            isolate ? 3 * Longest : Longest, (end, detail) => Journal.End(journal, new CaseOutcome(current, end, detail)));
        for (; current < first + count; current++)
        {
            limits.Restart();
            Journal.Begin(journal, current);
            Journal.End(journal, Try(current, folder, isolate));
        }

        return "done";
    }

    private static CaseOutcome Try(int seed, string folder, bool isolate)
    {
        try
        {
            if (FuzzCase.IsOperator(seed))
            {
                return OperatorCase.Run(OperatorModel.Damaged(seed), folder)
                    ? new CaseOutcome(seed, CaseEnd.Done, "")
                    : new CaseOutcome(seed, CaseEnd.Refused, "runtime");
            }

            var options = FuzzCase.Prepare(seed, folder);
            Compressor.Run(options with { Running = options.Running with { Target = options.Running.Target with { Isolate = isolate } } });
            return new CaseOutcome(seed, CaseEnd.Done, "");
        }
        catch (RefusedException e)
        {
            return new CaseOutcome(seed, CaseEnd.Refused, e.Refusal.Code);
        }
        catch (VerificationException)
        {
            return new CaseOutcome(seed, CaseEnd.FailedChecks, "");
        }
        catch (Exception e) // it is the fuzzer's business to tell of any
        {
            return new CaseOutcome(seed, CaseEnd.Uncaught, e.ToString());
        }
    }
}
