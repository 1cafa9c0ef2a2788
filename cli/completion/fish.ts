import type { CommandDefinition, OptionDefinition, Value } from "../help/definitions.ts";
import { type CommandTable, helpWord, tablesOf } from "./tables.ts";

/**
 * The same for fish, whose own `complete` knows options and values; where one is, a function tells.
 */
export const fishCompletion = (program: CommandDefinition): string => {
  const tables = tablesOf(program);
  return `# fish completion for smtx-backup. To have it at once: smtx-backup completion fish | source

function __smtx_backup_commands
    switch "$argv[1]"
${cases(tables.filter(({ commands }) => commands.length > 0).map(({ path, commands }) => [path, commands.map(({ word }) => word)]))}
    end
end

# The options that take the next word.
function __smtx_backup_valued
    switch "$argv[1]"
${cases(tables.map(({ path, options }) => [path, options.flatMap(({ names, value }) => (value === undefined ? [] : names))]))}
    end
end

# The command before the cursor, and how many arguments it has: "plan show/0".
function __smtx_backup_where
    set -l path
    set -l place 0
    set -l skips no
    for word in (commandline -opc)[2..]
        if test $skips = yes
            set skips no
        else if string match -q -- '-*' $word
            contains -- $word (__smtx_backup_valued "$path"); and set skips yes
        else if contains -- $word (__smtx_backup_commands "$path")
            set path $path $word
        else
            set place (math $place + 1)
        end
    end
    echo "$path/$place"
end

function __smtx_backup_at
    string match -q -- "$argv[1]/*" (__smtx_backup_where)
end

function __smtx_backup_place
    test "$argv[1]" = (__smtx_backup_where)
end

# After help: whether these words are what was named until now.
function __smtx_backup_helps
    set -l words (commandline -opc)[2..]
    test "$words[1]" = ${helpWord}; and test "$words[2..]" = "$argv[1]"
end

complete -c smtx-backup -f
${tables.flatMap(linesOf).join("\n")}`;
};

const quoted = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;

const cases = (all: readonly (readonly [path: string, words: readonly string[]])[]): string =>
  all
    .filter(([, words]) => words.length > 0)
    .map(([path, words]) => `        case ${quoted(path)}\n            printf '%s\\n' ${words.join(" ")}`)
    .join("\n");

const linesOf = (table: CommandTable): readonly string[] => {
  const { path, commands, options, arguments: values } = table;
  const at = condition("at", path);
  return [
    ...commands.flatMap(({ word, description }) => {
      const what = `-a ${word} -d ${quoted(description)}`;
      return [at, condition("helps", path)].map((where) => `complete -c smtx-backup ${where} ${what}`);
    }),
    ...options.map((option) => `complete -c smtx-backup ${at} ${optionText(option)} -d ${quoted(option.description)}`),
    ...(path === helpWord ? [] : values).flatMap((value, place) => {
      const what = valueText(value);
      return what === undefined ? [] : [`complete -c smtx-backup ${condition("place", `${path}/${place}`)} ${what}`];
    }),
  ];
};

const condition = (name: string, where: string): string => `-n ${quoted(`__smtx_backup_${name} "${where}"`)}`;

const optionText = ({ names, value }: OptionDefinition): string => {
  const flags = names.map((name) => (name.startsWith("--") ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
  return [...flags, ...(value === undefined ? [] : ["-r", valueText(value) ?? "-f"])].join(" ");
};

/** Undefined: nothing is known of it. */
const valueText = (value: Value): string | undefined => {
  switch (value.kind) {
    case "choice":
      return `-f -a ${quoted(value.choices.join(" "))}`;
    case "file":
      return "-F";
    case "folder":
      return "-f -a '(__fish_complete_directories)'";
    case "text":
      return undefined;
  }
};
