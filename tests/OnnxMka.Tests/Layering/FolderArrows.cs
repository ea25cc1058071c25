using Mono.Cecil;
using Mono.Cecil.Rocks;

namespace OnnxMka.Tests.Layering;

/// <summary>A folder of the product: an assembly and a namespace in it.</summary>
internal sealed record Folder(string Assembly, string Namespace)
{
    public override string ToString() =>
        Namespace == Assembly || Namespace.StartsWith(Assembly + ".", StringComparison.Ordinal) ? Namespace : $"{Namespace} of {Assembly}";
}

/// <summary>Which folder uses which, read from assemblies: from signatures, attributes and the code of methods.</summary>
internal static class FolderArrows
{
    /// <summary>
    /// Every arrow between different folders, with one type that draws it. Constants are copied by the compiler, and draw none.
    /// </summary>
    public static Dictionary<(Folder From, Folder To), string> Of(IEnumerable<string> assemblies)
    {
        var modules = assemblies.Select(a => ModuleDefinition.ReadModule(a)).ToArray();
        // What has no namespace belongs to the compiler.
        var types = modules.SelectMany(m => m.GetTypes()).Where(t => Outermost(t).Namespace.Length > 0).ToArray();
        var folders = types.ToDictionary(t => t.FullName, FolderOf, StringComparer.Ordinal);
        var arrows = new Dictionary<(Folder, Folder), string>();
        foreach (var type in types)
        {
            var from = folders[type.FullName];
            foreach (var used in Uses(type).SelectMany(Parts))
            {
                if (folders.TryGetValue(used.FullName, out var to) && to != from)
                    arrows.TryAdd((from, to), $"{Outermost(type).Name} uses {Outermost(used).Name}");
            }
        }

        foreach (var module in modules) module.Dispose();
        return arrows;
    }

    /// <summary>Folders that can be reached from each other, one list a group; none where every arrow goes one way.</summary>
    public static List<List<Folder>> Cycles(IEnumerable<(Folder From, Folder To)> arrows)
    {
        var next = arrows.ToLookup(a => a.From, a => a.To);
        var reached = next.Select(g => g.Key).ToDictionary(f => f, f => Reached(f, next));
        var groups = new List<List<Folder>>();
        foreach (var folder in reached.Keys.Where(f => reached[f].Contains(f) && !groups.Exists(g => g.Contains(f))))
            groups.Add([.. reached.Keys.Where(other => reached[folder].Contains(other) && reached[other].Contains(folder))]);
        return groups;
    }

    private static HashSet<Folder> Reached(Folder from, ILookup<Folder, Folder> next)
    {
        var (found, pending) = (new HashSet<Folder>(), new Stack<Folder>([from]));
        while (pending.TryPop(out var folder))
        {
            foreach (var to in next[folder].Where(found.Add)) pending.Push(to);
        }

        return found;
    }

    private static Folder FolderOf(TypeDefinition type) => new(type.Module.Assembly.Name.Name, Outermost(type).Namespace);

    private static TypeReference Outermost(TypeReference type) => type.DeclaringType is { } outer ? Outermost(outer) : type;

    private static IEnumerable<TypeReference?> Uses(TypeDefinition type)
    {
        yield return type.BaseType;
        foreach (var found in type.Interfaces) yield return found.InterfaceType;
        foreach (var field in type.Fields) yield return field.FieldType;
        foreach (var attribute in type.CustomAttributes) yield return attribute.AttributeType;
        foreach (var constraint in type.GenericParameters.SelectMany(g => g.Constraints)) yield return constraint.ConstraintType;
        foreach (var used in type.Methods.SelectMany(Uses)) yield return used;
    }

    private static IEnumerable<TypeReference?> Uses(MethodDefinition method)
    {
        yield return method.ReturnType;
        foreach (var parameter in method.Parameters) yield return parameter.ParameterType;
        foreach (var constraint in method.GenericParameters.SelectMany(g => g.Constraints)) yield return constraint.ConstraintType;
        if (!method.HasBody) yield break;
        foreach (var variable in method.Body.Variables) yield return variable.VariableType;
        foreach (var operand in method.Body.Instructions.Select(i => i.Operand))
        {
            if (operand is TypeReference type) yield return type;
            else if (operand is MemberReference member) yield return member.DeclaringType;
            foreach (var argument in operand is GenericInstanceMethod generic ? generic.GenericArguments : []) yield return argument;
        }
    }

    /// <summary>A type and the types that it is made of: elements, arguments.</summary>
    private static IEnumerable<TypeReference> Parts(TypeReference? type)
    {
        switch (type)
        {
            case null or GenericParameter:
                break;
            case GenericInstanceType generic:
                foreach (var part in generic.GenericArguments.Prepend(generic.ElementType).SelectMany(Parts)) yield return part;
                break;
            case TypeSpecification made:
                foreach (var part in Parts(made.ElementType)) yield return part;
                break;
            default:
                yield return type;
                break;
        }
    }
}
