namespace OnnxMka.Measuring;

/// <summary>Next-token distributions of two models at the same place.</summary>
/// <param name="Kl">Kullback-Leibler divergence from the original, nats, summed over positions.</param>
/// <param name="Top1">Positions where both prefer the same token.</param>
/// <param name="Top5">Sum of the shares of the five preferred tokens that both have.</param>
internal readonly record struct Agreement(double Kl, double Top1, double Top5);

/// <summary>What rows of logits say about the next token, in float64.</summary>
internal static class NextTokens
{
    private const int Preferred = 5;

    /// <summary>Negative log likelihood of each id from <paramref name="first"/> on, summed in order of the tokens.</summary>
    /// <param name="logits">[ids, vocabulary]; row t predicts id t + 1.</param>
    public static double Nll(float[] logits, int[] ids, int first)
    {
        var vocabulary = logits.Length / ids.Length;
        return InOrder(first, ids.Length, t =>
        {
            var row = logits.AsSpan((t - 1) * vocabulary, vocabulary);
            return Perplexity.LogSumExp(row) - row[ids[t]];
        });
    }

    /// <summary>How far two models agree on the tokens from <paramref name="first"/> on.</summary>
    public static Agreement Compare(float[] original, float[] result, int length, int first)
    {
        if (original.Length != result.Length)
        {
            throw new RefusedException(
                "MKA071",
                "--against",
                $"the models know {result.Length / length} and {original.Length / length} tokens",
                "Give the model that this one was made from");
        }

        var vocabulary = original.Length / length;
        var (top1, top5) = (new double[length], new double[length]);
        var kl = InOrder(first, length, t =>
        {
            var p = original.AsSpan((t - 1) * vocabulary, vocabulary);
            var q = result.AsSpan((t - 1) * vocabulary, vocabulary);
            Span<int> theirs = stackalloc int[Math.Min(Preferred, vocabulary)];
            Span<int> ours = stackalloc int[theirs.Length];
            Best(p, theirs);
            Best(q, ours);
            top1[t] = ours[0] == theirs[0] ? 1 : 0;
            var shared = 0;
            foreach (var token in ours) shared += theirs.Contains(token) ? 1 : 0;
            top5[t] = (double)shared / ours.Length;
            return Divergence(p, q);
        });
        return new Agreement(kl, top1.Sum(), top5.Sum());
    }

    /// <summary><c>sum p (log p - log q)</c> of two rows of logits; 0 for equal rows.</summary>
    public static double Divergence(ReadOnlySpan<float> p, ReadOnlySpan<float> q)
    {
        var (zp, zq) = (Perplexity.LogSumExp(p), Perplexity.LogSumExp(q));
        double sum = 0;
        for (var i = 0; i < p.Length; i++)
        {
            var log = p[i] - zp;
            var weight = Math.Exp(log);
            if (weight > 0) sum += weight * (log - (q[i] - zq));
        }

        return sum;
    }

    /// <summary>Index of the largest logit; the first of equals.</summary>
    public static int Greedy(ReadOnlySpan<float> row)
    {
        Span<int> best = stackalloc int[1];
        Best(row, best);
        return best[0];
    }

    /// <summary>Indices of the largest logits, largest first, the first of equals first.</summary>
    private static void Best(ReadOnlySpan<float> row, Span<int> best)
    {
        var count = 0;
        for (var i = 0; i < row.Length; i++)
        {
            var place = count;
            while (place > 0 && row[i] > row[best[place - 1]]) place--;
            if (place == best.Length) continue;
            count = Math.Min(count + 1, best.Length);
            for (var k = count - 1; k > place; k--) best[k] = best[k - 1];
            best[place] = i;
        }
    }

    private static double InOrder(int first, int end, Func<int, double> at)
    {
        var parts = new double[end];
        Parallel.For(first, end, t => parts[t] = at(t));
        double sum = 0;
        foreach (var part in parts) sum += part;
        return sum;
    }
}
