namespace OnnxMka.Graph.Tests;

/// <summary>Names of untrusted files on a terminal.</summary>
public sealed class PrintableTextTests
{
    [Theory]
    [InlineData("/model/layers.3/MatMul", "/model/layers.3/MatMul")]
    [InlineData("na\u00efve \u5c42 \U0001F600", "na\u00efve \u5c42 \U0001F600")]
    [InlineData("\u001b[2Jgone", "?[2Jgone")]
    [InlineData("two\r\nlines", "two??lines")]
    [InlineData("tab\tand\u0085next", "tab?and?next")]
    [InlineData("\u202efdp.exe", "?fdp.exe")]
    [InlineData("line\u2028paragraph\u2029", "line?paragraph?")]
    [InlineData("zero\u200bwidth", "zero?width")]
    public void WhatMovesTheCursorOrTurnsTheTextIsAQuestionMark(string text, string shown)
    {
        Assert.Equal(shown, PrintableText.Of(text));
        Assert.Equal(shown, PrintableText.Short(text));
    }

    [Fact]
    public void HalvesOfPairsAreQuestionMarks()
    {
        Assert.Equal("?x?", PrintableText.Of("\ud83dx\ude00"));
        // Cut in the middle, where a pair may stand astride.
        for (var start = 0; start < 2; start++)
        {
            var shown = PrintableText.Short(new string('a', start) + string.Concat(Enumerable.Repeat("\U0001F600", 400)));
            Assert.Equal(303, shown.Length);
            Assert.Contains("...", shown, StringComparison.Ordinal);
            Assert.DoesNotContain(shown.EnumerateRunes(), r => r == System.Text.Rune.ReplacementChar);
        }
    }
}
