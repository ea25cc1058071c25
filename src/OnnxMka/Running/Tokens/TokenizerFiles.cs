using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using OnnxMka.Graph;
using OnnxMka.Json;

namespace OnnxMka.Running.Tokens;

/// <summary>
/// Tokenizer files before the tokenizer library sees them. On values of another type than it expects the library ends the whole
/// process or never returns; what is let through here it reads, or refuses with words of its own.
/// </summary>
internal static class TokenizerFiles
{
    /// <summary>The largest vocabularies (256k tokens with all merges) take some 35 MB.</summary>
    private const int MaxBytes = 256 << 20;

    /// <summary>The library has a table of all ids up to the largest.</summary>
    private const int MaxId = 1 << 24;

    private static readonly string[] Flags = ["single_word", "lstrip", "rstrip", "normalized", "special"];

    /// <summary>Beginnings of the class names that the library reads a Unigram vocabulary for.</summary>
    private static readonly string[] UnigramClasses = ["ChatGLM", "DebertaV2", "Marian", "T5", "XLMRoberta"];

    /// <summary>The file that makes a folder one with a tokenizer.</summary>
    public const string Main = "tokenizer.json";

    private const string Config = "tokenizer_config.json";

    private const string ChatTemplate = "chat_template";

    /// <summary>
    /// The files that the library reads for ids, by name, as it may see them. Refuses (MKA030) what it would not survive.
    /// </summary>
    public static IReadOnlyDictionary<string, byte[]> Read(string folder)
    {
        var files = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        var tokenizerClass = "";
        Add(Config, config =>
        {
            tokenizerClass = Optional(config, "tokenizer_class", JsonValueKind.String)?.GetString() ?? "";
            CheckConfig(config);
        });
        Add("tokenizer_module.json", CheckConfig);
        Add(Main, tokenizer => CheckTokenizer(tokenizer, tokenizerClass));
        if (files.TryGetValue(Config, out var text)) files[Config] = WithoutChatTemplate(text);
        return files;

        void Add(string name, Action<JsonElement> check)
        {
            if (Parse(folder, name, check) is { } bytes) files.Add(name, bytes);
        }
    }

    /// <summary>Ids do not depend on a chat template, and the library ends the process on those that come as a list.</summary>
    private static byte[] WithoutChatTemplate(byte[] text)
    {
        // A key may stand twice, of which the first goes unread by the library too.
        using var document = JsonDocument.Parse(text);
        if (!document.RootElement.TryGetProperty(ChatTemplate, out _)) return text;
        var rest = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        foreach (var property in document.RootElement.EnumerateObject().Where(p => p.Name != ChatTemplate))
            rest[property.Name] = property.Value;
        return JsonSerializer.SerializeToUtf8Bytes(rest, JsonForm.Line);
    }

    private static void CheckConfig(JsonElement config)
    {
        Optional(config, "model_max_length", JsonValueKind.Number);
        Optional(config, "clean_up_tokenization_spaces", JsonValueKind.True, JsonValueKind.False);
        foreach (var key in new[] { "bos_token", "eos_token", "unk_token" })
        {
            var named = Optional(config, key, JsonValueKind.String, JsonValueKind.Object, JsonValueKind.Null);
            if (named is { ValueKind: JsonValueKind.Object } token) Optional(token, "content", JsonValueKind.String);
        }

        if (!config.TryGetProperty("added_tokens_decoder", out var added) || added.ValueKind != JsonValueKind.Object) return;
        foreach (var token in added.EnumerateObject())
        {
            Require(int.TryParse(token.Name, out _), $"added_tokens_decoder: '{token.Name}' is no number");
            Require(token.Value.ValueKind == JsonValueKind.Object, $"added_tokens_decoder.{token.Name} is no object");
            Optional(token.Value, "content", JsonValueKind.String);
        }
    }

    private static void CheckTokenizer(JsonElement tokenizer, string tokenizerClass)
    {
        if (Optional(tokenizer, "added_tokens", JsonValueKind.Array, JsonValueKind.Null) is { ValueKind: JsonValueKind.Array } added)
        {
            foreach (var token in added.EnumerateArray())
            {
                Require(token.ValueKind == JsonValueKind.Object, "added_tokens holds something else than objects");
                if (Optional(token, "id", JsonValueKind.Number) is { } id) RequireId(id, "added_tokens");
                Optional(token, "content", JsonValueKind.String);
                foreach (var flag in Flags) Optional(token, flag, JsonValueKind.True, JsonValueKind.False);
            }
        }

        foreach (var stage in new[] { "normalizer", "pre_tokenizer", "decoder" })
            if (tokenizer.TryGetProperty(stage, out var value)) CheckStage(value, stage);
        Require(tokenizer.TryGetProperty("model", out var model) && model.ValueKind == JsonValueKind.Object, "model is no object");
        CheckModel(model, tokenizerClass);
    }

    /// <summary>A normalizer, pre-tokenizer or decoder, and those inside it. A step without a type is one that does nothing.</summary>
    private static void CheckStage(JsonElement stage, string name)
    {
        if (stage.ValueKind == JsonValueKind.Null) return;
        Require(stage.ValueKind == JsonValueKind.Object, $"{name} is no object");
        Optional(stage, "type", JsonValueKind.String);
        Optional(stage, "content", JsonValueKind.String);
        Optional(stage, "precompiled_charsmap", JsonValueKind.String);
        if (Optional(stage, "pattern", JsonValueKind.Object) is { } pattern)
        {
            Optional(pattern, "Regex", JsonValueKind.String);
            Optional(pattern, "String", JsonValueKind.String);
        }

        foreach (var list in new[] { "normalizers", "pretokenizers", "decoders" })
        {
            if (Optional(stage, list, JsonValueKind.Array) is not { } steps) continue;
            foreach (var step in steps.EnumerateArray())
            {
                Require(step.ValueKind == JsonValueKind.Object, $"{list} holds something else than objects");
                CheckStage(step, list);
            }
        }
    }

    private static void CheckModel(JsonElement model, string tokenizerClass)
    {
        Optional(model, "type", JsonValueKind.String);
        if (Optional(model, "unk_id", JsonValueKind.Number, JsonValueKind.Null) is { ValueKind: JsonValueKind.Number } unknown)
            RequireId(unknown, "model.unk_id");
        Require(model.TryGetProperty("vocab", out var vocabulary), "model has no vocab");
        if (model.TryGetProperty("type", out var type) && type.GetString() == "Unigram")
        {
            Require(
                UnigramClasses.Any(c => tokenizerClass.StartsWith(c, StringComparison.Ordinal)),
                $"a Unigram vocabulary is not read for the class '{tokenizerClass}'");
            Require(vocabulary.ValueKind == JsonValueKind.Array, "model.vocab is no array");
            foreach (var token in vocabulary.EnumerateArray())
            {
                Require(
                    token.ValueKind == JsonValueKind.Array
                        && token.GetArrayLength() == 2
                        && token[0].ValueKind == JsonValueKind.String
                        && token[1].ValueKind == JsonValueKind.Number,
                    "model.vocab holds something else than pairs of a token and a score");
            }
        }
        else
        {
            Require(vocabulary.ValueKind == JsonValueKind.Object, "model.vocab is no object");
            foreach (var token in vocabulary.EnumerateObject()) RequireId(token.Value, "model.vocab");
            // Without this key the library reads where there is nothing.
            Require(model.TryGetProperty("merges", out _), "model has no merges");
        }

        if (Optional(model, "merges", JsonValueKind.Array, JsonValueKind.Null) is not { ValueKind: JsonValueKind.Array } merges) return;
        foreach (var merge in merges.EnumerateArray())
        {
            var isPair = merge.ValueKind == JsonValueKind.Array
                && merge.GetArrayLength() == 2
                && merge.EnumerateArray().All(p => p.ValueKind == JsonValueKind.String);
            Require(
                isPair || (merge.ValueKind == JsonValueKind.String && !merge.ValueEquals("")),
                "model.merges holds something else than pairs of tokens");
        }
    }

    /// <summary>The value of a key; null where it is not there. Refuses one of another kind than these.</summary>
    private static JsonElement? Optional(JsonElement container, string key, params ReadOnlySpan<JsonValueKind> kinds)
    {
        if (!container.TryGetProperty(key, out var value)) return null;
        return kinds.Contains(value.ValueKind)
            ? value
            : throw new JsonException($"{key} is {(value.ValueKind == JsonValueKind.Null ? "null" : "of another type than it should be")}");
    }

    /// <summary>Asked of every token of a vocabulary: the message is put together only where it is needed.</summary>
    private static void RequireId(JsonElement id, string where)
    {
        if (id.ValueKind != JsonValueKind.Number || !id.TryGetInt32(out var number) || number is < 0 or >= MaxId)
            throw new JsonException($"{where} has an id that is none of 0 to {MaxId - 1:N0}");
    }

    /// <summary>
    /// A file of the folder without its byte order mark; null where there is none. Refuses what the library's JSON reader stumbles over.
    /// </summary>
    private static byte[]? Parse(string folder, string name, Action<JsonElement> check)
    {
        var path = Path.Combine(folder, name);
        if (!Path.Exists(path)) return null;
        var bytes = RegularFile.ReadAllBytes(path, MaxBytes);
        try
        {
            Require(Utf8.IsValid(bytes), "it is not UTF-8");
            var text = bytes.AsSpan().StartsWith(Encoding.UTF8.Preamble) ? bytes[Encoding.UTF8.Preamble.Length..] : bytes;
            RequireWholeStringsAndFiniteNumbers(text);
            using var document = JsonDocument.Parse(text);
            Require(document.RootElement.ValueKind == JsonValueKind.Object, "it is no JSON object");
            check(document.RootElement);
            return text;
        }
        catch (JsonException e)
        {
            throw new RefusedException(
                "MKA030",
                path,
                $"the tokenizer does not load ({e.Message.Split('\n')[0].TrimEnd('.')})",
                "Give token ids with --calib-ids",
                e);
        }
    }

    private static void RequireWholeStringsAndFiniteNumbers(ReadOnlySpan<byte> text)
    {
        var reader = new Utf8JsonReader(text);
        try
        {
            while (reader.Read())
            {
                // Only an escape can stand for half a character.
                if (reader.TokenType is JsonTokenType.String or JsonTokenType.PropertyName && reader.ValueIsEscaped) _ = reader.GetString();
                else if (reader.TokenType == JsonTokenType.Number)
                    Require(double.IsFinite(reader.GetDouble()), "it holds a number beyond double precision");
            }
        }
        catch (InvalidOperationException e)
        {
            throw new JsonException("it holds half a surrogate pair", e);
        }
    }

    private static void Require(bool holds, string what)
    {
        if (!holds) throw new JsonException(what);
    }
}
