using System.Collections.Immutable;

namespace OnnxMka.Measuring;

/// <summary>Facts that any text of some breadth has told a model; <c>*</c> stands for the subject.</summary>
internal static class KnownFacts
{
    public static ImmutableArray<(string Group, string Says, (string Subject, string Value)[] Pairs)> All { get; } =
    [
        ("capitals", "The capital of * is",
        [
            ("France", "Paris"), ("Germany", "Berlin"), ("Spain", "Madrid"), ("Portugal", "Lisbon"), ("Italy", "Rome"),
            ("Greece", "Athens"), ("Austria", "Vienna"), ("Hungary", "Budapest"), ("Poland", "Warsaw"), ("Norway", "Oslo"),
            ("Sweden", "Stockholm"), ("Finland", "Helsinki"), ("Denmark", "Copenhagen"), ("Ireland", "Dublin"), ("England", "London"),
            ("Scotland", "Edinburgh"), ("Russia", "Moscow"), ("Ukraine", "Kyiv"), ("Romania", "Bucharest"), ("Bulgaria", "Sofia"),
            ("Turkey", "Ankara"), ("Egypt", "Cairo"), ("Kenya", "Nairobi"), ("Ghana", "Accra"), ("Morocco", "Rabat"),
            ("Ethiopia", "Addis Ababa"), ("Iran", "Tehran"), ("Iraq", "Baghdad"), ("Japan", "Tokyo"), ("China", "Beijing"),
            ("South Korea", "Seoul"), ("Thailand", "Bangkok"), ("Vietnam", "Hanoi"), ("Indonesia", "Jakarta"), ("Australia", "Canberra"),
            ("New Zealand", "Wellington"), ("Canada", "Ottawa"), ("Mexico", "Mexico City"), ("Cuba", "Havana"), ("Brazil", "Brasilia"),
            ("Argentina", "Buenos Aires"), ("Chile", "Santiago"), ("Peru", "Lima"), ("Colombia", "Bogota"), ("Venezuela", "Caracas"),
            ("Uruguay", "Montevideo"), ("Nepal", "Kathmandu"), ("Belgium", "Brussels"),
        ]),
        ("chemical symbols", "The chemical symbol for * is",
        [
            ("hydrogen", "H"), ("helium", "He"), ("lithium", "Li"), ("carbon", "C"), ("nitrogen", "N"), ("oxygen", "O"), ("fluorine", "F"),
            ("neon", "Ne"), ("sodium", "Na"), ("magnesium", "Mg"), ("aluminium", "Al"), ("silicon", "Si"), ("phosphorus", "P"),
            ("sulphur", "S"), ("chlorine", "Cl"), ("potassium", "K"), ("calcium", "Ca"), ("titanium", "Ti"), ("chromium", "Cr"),
            ("manganese", "Mn"), ("iron", "Fe"), ("cobalt", "Co"), ("nickel", "Ni"), ("copper", "Cu"), ("zinc", "Zn"), ("arsenic", "As"),
            ("silver", "Ag"), ("tin", "Sn"), ("iodine", "I"), ("tungsten", "W"), ("platinum", "Pt"), ("gold", "Au"), ("mercury", "Hg"),
            ("lead", "Pb"), ("radium", "Ra"), ("uranium", "U"),
        ]),
    ];
}
