import type { CommandDefinition, OptionDefinition, Value } from "../help/definitions.ts";
import { quoted } from "../render/quoted.ts";
import { type CommandTable, helpWord, tablesOf } from "./tables.ts";

/**
 * The same for zsh, with what each word means. It may lie in a folder of
 * `fpath` as `_smtx-backup`, or be sourced.
 */
export const zshCompletion = (program: CommandDefinition): string => {
  const tables = tablesOf(program);
  return `#compdef smtx-backup
# zsh completion for smtx-backup. To have it at once: source <(smtx-backup completion zsh)

_smtx_backup_commands() {
  case $1 in
${arms(tables, ({ path, commands }) => (commands.length === 0 ? [] : [[path, commands.map(({ word, description }) => `${word}:${description}`)]]))}
    *) reply=() ;;
  esac
}

_smtx_backup_options() {
  case $1 in
${arms(tables, ({ path, options }) => [[path, options.flatMap(({ names, description }) => names.map((name) => `${name}:${description}`))]])}
    *) reply=() ;;
  esac
}

# What the value of an option is, a kind or the choices; nothing of one that takes none.
# "..." stands before what takes several.
_smtx_backup_value() {
  case "$1 $2" in
${arms(tables, ({ path, options }) => options.flatMap((option) => valueArms(path, option)))}
    *) reply=() ;;
  esac
}

# What an argument is, by its place.
_smtx_backup_argument() {
  case "$1 $2" in
${arms(tables, argumentArms)}
    *) reply=() ;;
  esac
}

_smtx_backup_complete_value() {
  case $1 in
    file) _files ;;
    folder) _files -/ ;;
    text) _message value ;;
    *) compadd -- "$@" ;;
  esac
}

_smtx_backup() {
  local cur=$words[CURRENT] at= helps= word
  local -i place=0 i
  local -a value reply
  for ((i = 2; i < CURRENT; i++)); do
    word=$words[i]
    if (( $#value )) && [[ $value[1] != ... || $word != -* ]]; then
      [[ $value[1] == ... ]] || value=()
      continue
    fi
    value=()
    if [[ $word == -* ]]; then
      _smtx_backup_value "$at" "$word"
      value=("\${reply[@]}")
      continue
    fi
    if [[ -z $at$helps && $word == ${helpWord} ]]; then
      helps=yes
      continue
    fi
    _smtx_backup_commands "$at"
    if (( \${reply[(I)$word:*]} )); then
      at="\${at:+$at }$word"
    else
      place+=1
    fi
  done
  if (( ! $#value )) && [[ $cur == --*=* ]]; then
    _smtx_backup_value "$at" "\${cur%%=*}"
    value=("\${reply[@]}")
    cur=
    compset -P '*='
  fi
  if (( $#value )) && [[ $value[1] != ... || $cur != -* ]]; then
    [[ $value[1] == ... ]] && shift value
    _smtx_backup_complete_value "\${value[@]}"
  elif [[ $cur == -* ]]; then
    _smtx_backup_options "$at"
    _describe option reply
  else
    _smtx_backup_commands "$at"
    if (( $#reply )); then
      _describe command reply
    elif [[ -z $helps ]]; then
      _smtx_backup_argument "$at" "$place"
      (( $#reply )) && _smtx_backup_complete_value "\${reply[@]}"
    fi
  fi
}

if [[ $funcstack[1] == _smtx-backup ]]; then
  _smtx_backup "$@"
else
  compdef _smtx_backup smtx-backup
fi`;
};

type Arm = readonly [pattern: string, words: readonly string[]];

const arms = (tables: readonly CommandTable[], of: (table: CommandTable) => readonly Arm[]): string =>
  tables
    .flatMap(of)
    .map(([pattern, words]) => `    ${quoted(pattern)}) reply=(${words.map(quoted).join(" ")}) ;;`)
    .join("\n");

const wordsOf = (value: Value): readonly string[] => (value.kind === "choice" ? value.choices : [value.kind]);

const valueArms = (path: string, { names, value, isVariadic }: OptionDefinition): readonly Arm[] =>
  value === undefined
    ? []
    : names.map((name) => [`${path} ${name}`, [...(isVariadic ? ["..."] : []), ...wordsOf(value)]]);

const argumentArms = ({ path, arguments: values }: CommandTable): readonly Arm[] =>
  path === helpWord ? [] : values.map((value, place) => [`${path} ${place}`, wordsOf(value)]);
