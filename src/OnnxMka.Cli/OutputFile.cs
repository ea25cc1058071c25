using OnnxMka.Emission;
using OnnxMka.Graph;

namespace OnnxMka.Cli;

/// <summary>Small text files that the user named.</summary>
internal static class OutputFile
{
    public static void Write(FileInfo file, string text)
    {
        try
        {
            file.Directory?.Create();
            File.WriteAllText(file.FullName, text);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OutputException($"Cannot write {file}: {e.Message.TrimEnd('.')}.", e);
        }
    }

    public static string ReadText(FileInfo file)
    {
        try
        {
            return File.ReadAllText(file.FullName);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputFileException(file.ToString(), e);
        }
    }
}
