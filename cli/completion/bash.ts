import type { CommandDefinition, OptionDefinition, Value } from "../help/definitions.ts";
import { quoted } from "../render/quoted.ts";
import { type CommandTable, helpWord, tablesOf } from "./tables.ts";

/**
 * A script for bash that completes the program's commands, options and choices, without
 * starting the program.
 */
export const bashCompletion = (program: CommandDefinition): string => {
  const tables = tablesOf(program);
  return `# bash completion for smtx-backup. To have it at once: source <(smtx-backup completion bash)

_smtx_backup_commands() {
  case $1 in
${arms(tables, ({ path, commands }) => (commands.length === 0 ? [] : [[path, commands.map(({ word }) => word)]]))}
    *) REPLY= ;;
  esac
}

_smtx_backup_options() {
  case $1 in
${arms(tables, ({ path, options }) => [[path, options.flatMap(({ names }) => names)]])}
    *) REPLY= ;;
  esac
}

# What the value of an option is; empty of one that takes none. "..." stands before what takes several.
_smtx_backup_value() {
  case "$1 $2" in
${arms(tables, ({ path, options }) => options.flatMap((option) => valueArms(path, option)))}
    *) REPLY= ;;
  esac
}

# What an argument is, by its place.
_smtx_backup_argument() {
  case "$1 $2" in
${arms(tables, argumentArms)}
    *) REPLY= ;;
  esac
}

_smtx_backup_complete_value() {
  case $1 in
    file) compopt -o default ;;
    folder) compopt -o dirnames ;;
    text) ;;
    *) COMPREPLY=($(compgen -W "$1" -- "$2")) ;;
  esac
}

_smtx_backup() {
  local cur=\${COMP_WORDS[COMP_CWORD]} path= value= helps= place=0 word i REPLY
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    # bash cuts --site=a into three words, and a URL at its colons.
    [[ $word == = ]] && continue
    [[ $word == : ]] && { ((i++)); continue; }
    if [[ -n $value && ( $value != ...* || $word != -* ) ]]; then
      [[ $value == ...* ]] || value=
      continue
    fi
    value=
    if [[ $word == -* ]]; then
      _smtx_backup_value "$path" "$word"
      value=$REPLY
      continue
    fi
    if [[ -z $path$helps && $word == ${helpWord} ]]; then
      helps=yes
      continue
    fi
    _smtx_backup_commands "$path"
    if [[ " $REPLY " == *" $word "* ]]; then
      path="\${path:+$path }$word"
    else
      place=$((place + 1))
    fi
  done
  [[ $cur == = ]] && cur=
  if [[ -n $value && ( $value != ...* || $cur != -* ) ]]; then
    _smtx_backup_complete_value "\${value#...}" "$cur"
    return
  fi
  if [[ $cur == -* ]]; then
    _smtx_backup_options "$path"
    COMPREPLY=($(compgen -W "$REPLY" -- "$cur"))
    return
  fi
  _smtx_backup_commands "$path"
  if [[ -n $REPLY ]]; then
    COMPREPLY=($(compgen -W "$REPLY" -- "$cur"))
  elif [[ -z $helps ]]; then
    _smtx_backup_argument "$path" "$place"
    [[ -z $REPLY ]] || _smtx_backup_complete_value "$REPLY" "$cur"
  fi
}

complete -F _smtx_backup smtx-backup`;
};

type Arm = readonly [pattern: string, words: readonly string[]];

/** Of a \`case\`: for each pattern what it gives. */
const arms = (tables: readonly CommandTable[], of: (table: CommandTable) => readonly Arm[]): string =>
  tables
    .flatMap(of)
    .map(([pattern, words]) => `    ${quoted(pattern)}) REPLY=${quoted(words.join(" "))} ;;`)
    .join("\n");

const wordsOf = (value: Value): string => (value.kind === "choice" ? value.choices.join(" ") : value.kind);

const valueArms = (path: string, { names, value, isVariadic }: OptionDefinition): readonly Arm[] =>
  value === undefined ? [] : names.map((name) => [`${path} ${name}`, [`${isVariadic ? "..." : ""}${wordsOf(value)}`]]);

const argumentArms = ({ path, arguments: values }: CommandTable): readonly Arm[] =>
  path === helpWord ? [] : values.map((value, place) => [`${path} ${place}`, [wordsOf(value)]]);
