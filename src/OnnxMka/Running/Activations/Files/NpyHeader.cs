using System.Collections.Immutable;
using System.Globalization;
using System.Text;

namespace OnnxMka.Running.Activations.Files;

/// <summary>The Python dictionary at the head of an npy array: three keys in any order, a string, a truth value and a tuple.</summary>
internal sealed record NpyHeader(string Type, bool FortranOrder, ImmutableArray<long> Shape)
{
    private const string Key = "descr, fortran_order and shape";

    public static NpyHeader Parse(ReadOnlySpan<byte> bytes, string name)
    {
        var text = Encoding.UTF8.GetString(bytes);
        var cursor = new Cursor(text);
        var values = new Dictionary<string, object>(StringComparer.Ordinal);
        var whole = cursor.Take('{');
        while (whole && !cursor.Take('}'))
        {
            whole = cursor.Quoted() is { } key
                && cursor.Take(':')
                && cursor.Value() is { } value
                && values.TryAdd(key, value)
                && (cursor.Take(',') || cursor.Peek('}'));
        }

        if (whole && cursor.AtEnd && values.Count == 3
            && values.GetValueOrDefault("descr") is string type
            && values.GetValueOrDefault("fortran_order") is bool fortran
            && values.GetValueOrDefault("shape") is ImmutableArray<long> shape)
            return new NpyHeader(type, fortran, shape);
        throw ActivationFile.Bad(name, $"its header is no dictionary of {Key}");
    }

    private sealed class Cursor(string text)
    {
        private int _at;

        public bool AtEnd => Next() == '\0' && _at == text.Length;

        public bool Peek(char wanted) => Next() == wanted;

        public bool Take(char wanted)
        {
            if (Next() != wanted) return false;
            _at++;
            return true;
        }

        public string? Quoted()
        {
            var quote = Next();
            if (quote is not ('\'' or '"')) return null;
            var end = text.IndexOf(quote, _at + 1);
            if (end < 0) return null;
            var value = text[(_at + 1)..end];
            _at = end + 1;
            return value;
        }

        /// <summary>A string, True, False or a tuple of whole numbers; null for anything else.</summary>
        public object? Value()
        {
            if (Next() is '\'' or '"') return Quoted();
            if (Word("True")) return true;
            if (Word("False")) return false;
            return Tuple();
        }

        private bool Word(string word)
        {
            if (!text.AsSpan(_at).StartsWith(word, StringComparison.Ordinal)) return false;
            _at += word.Length;
            return true;
        }

        private object? Tuple()
        {
            if (!Take('(')) return null;
            var numbers = ImmutableArray.CreateBuilder<long>();
            while (!Take(')'))
            {
                Next();
                var end = _at;
                while (end < text.Length && char.IsAsciiDigit(text[end])) end++;
                if (!long.TryParse(text.AsSpan(_at, end - _at), NumberStyles.None, CultureInfo.InvariantCulture, out var number))
                    return null;
                numbers.Add(number);
                _at = end;
                // Python 2 wrote 12L.
                if (Next() == 'L') _at++;
                if (!Take(',') && !Peek(')')) return null;
            }

            return numbers.ToImmutable();
        }

        private char Next()
        {
            while (_at < text.Length && text[_at] is ' ' or '\n' or '\t') _at++;
            return _at < text.Length ? text[_at] : '\0';
        }
    }
}
