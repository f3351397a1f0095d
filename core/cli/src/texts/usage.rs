//! What clap would otherwise say in English alone.

super::texts! {
    TEMPLATE: "{about-with-newline}\nUtilisation : {usage}\n\n{all-args}{after-help}", "{about-with-newline}\nUsage: {usage}\n\n{all-args}{after-help}";
    HELP_FLAG: "Affiche cette aide", "Print this help";
    COMMANDS: "Commandes ", "Commands";
    ARGUMENTS: "Arguments ", "Arguments";
    OPTIONS: "Options ", "Options";
    COMMON: "Partout ", "Everywhere";
    COMMAND: "COMMANDE", "COMMAND";
    UNKNOWN_COMMAND: "« {0} » n'est pas une commande : voir `carnet --help`", "\"{0}\" is not a command: see `carnet --help`";
    UNKNOWN_ARGUMENT: "« {0} » n'est pas compris ici : ajouter --help pour voir ce qui l'est", "\"{0}\" is not understood here: add --help to see what is";
    MISSING_ARGUMENT: "il manque : {0} (ajouter --help pour des exemples)", "missing: {0} (add --help for examples)";
    INVALID_VALUE: "« {1} » ne convient pas à {0} : ajouter --help pour voir les valeurs possibles", "\"{1}\" does not suit {0}: add --help to see what does";
    CONFLICT: "{0} et {1} s'excluent : n'en garder qu'un", "{0} and {1} exclude each other: keep one";
    MISSING_COMMAND: "il manque une commande : voir `carnet --help`", "a command is missing: see `carnet --help`";
    OTHER: "la ligne n'est pas comprise : ajouter --help pour des exemples", "the line is not understood: add --help for examples";
}
