import { type CommandDefinition, withInner } from "../help/definitions.ts";
import { environmentVariables, files } from "../help/environment-variables.ts";
import { examples } from "../help/help.ts";
import { exitCodes } from "../host/exit-codes.ts";
import { item, lines, paragraph, roffArgument, roffText, section, subsection } from "./roff.ts";

/**
 * The manual of a program for `man`, in roff's macros `man`: every command with its arguments and
 * options, as `--help` tells them.
 * @param date the day that it was made on, YYYY-MM-DD
 */
export const manPage = (program: CommandDefinition, { version, date }: { version: string; date: string }): string =>
  [
    `.TH SMTX\\-BACKUP 1 ${date} ${roffArgument(`smtx-backup ${version}`)} ${roffArgument("User Commands")}`,
    section("NAME"),
    `smtx\\-backup \\- ${roffText(clause(program.description))}`,
    section("SYNOPSIS"),
    ".B smtx\\-backup\n.I command\n[\\fIoptions\\fR]",
    section("DESCRIPTION"),
    paragraph(
      "It takes snapshot groups of what a site has, sends what has changed to other sites, and keeps restore points there.",
    ),
    ...nouns(program),
    section("OPTIONS"),
    paragraph("These may stand on every command line."),
    ...program.options.map(({ flags, description }) => item(flags, description)),
    section("COMMANDS"),
    ...withInner(program)
      .filter(({ commands }) => commands.length === 0)
      .flatMap(commandLines),
    section("EXIT STATUS"),
    ...Object.values(exitCodes).map(({ code, meaning }) => item(String(code), meaning)),
    section("ENVIRONMENT"),
    ...Object.entries(environmentVariables).map(([name, text]) => item(name, text)),
    section("FILES"),
    ...Object.entries(files).map(([name, text]) => item(name, text)),
    section("EXAMPLES"),
    lines(examples.join("\n")),
    section("SEE ALSO"),
    paragraph("README.md and docs/ of the package; the API describes itself at /openapi.json."),
    "",
  ].join("\n");

/** A clause, as the page's name has it. */
const clause = (text: string): string => text.replace(/\.$/, "");

const nouns = (program: CommandDefinition): readonly string[] => [
  ".PP",
  paragraph("Most commands are a noun and a verb. The nouns are:"),
  ...program.commands
    .filter(({ commands }) => commands.length > 0)
    .map(({ words, description }) => item(words.join(" "), description)),
];

const commandLines = (command: CommandDefinition): readonly string[] => {
  const needed = command.options
    .filter(({ isMandatory }) => isMandatory)
    .map(({ flags }) => flags.replace(/^-\w, /, ""));
  const usage = ["smtx-backup", ...command.words, ...command.arguments.map(usageTerm), ...needed, "[options]"].join(
    " ",
  );
  const options = command.options.filter(({ names }) => !names.includes("--help"));
  return [
    subsection(command.words.join(" ")),
    `.B ${roffText(usage)}`,
    ".PP",
    paragraph(command.description),
    ...command.arguments.map(({ term, description }) => item(term, description)),
    ...options.map(({ flags, description }) => item(flags, description)),
    ...(command.notes === "" ? [] : [".PP", lines(command.notes)]),
  ];
};

const usageTerm = ({ term, isRequired }: CommandDefinition["arguments"][number]): string =>
  isRequired ? `<${term}>` : `[${term}]`;
