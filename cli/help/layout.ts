import { type Command, Help } from "commander";

const indent = "  ";
const gap = "  ";
const columnsOtherwise = 80;

/** In fewer columns hardly a word fits: what is narrower has lines of so many all the same. */
const columnsMin = 20;
/**
 * With less than this beside their descriptions, hardly a term fits: each has a line of its own.
 */
const termColumnsMin = 16;
const termColumnsOnOwnLine = 2;

export const helpColumns = (columns: number): number => Math.max(columns, columnsMin);

const columnsOf = ({ helpWidth = columnsOtherwise }: Help): number => helpWidth;

const besides = (text: string, columns: number): string => text.replaceAll("\n", `\n${" ".repeat(columns)}`);

/** A term and its description, which begins on the next line where the term is too wide. */
const item = (term: string, termColumns: number, description: string, help: Help): string => {
  const start = indent.length + termColumns + gap.length;
  const spare = termColumns - help.displayWidth(term);
  const text = besides(help.boxWrap(description, columnsOf(help) - start), start);
  if (spare >= 0) return `${indent}${term}${" ".repeat(spare)}${gap}${text}`.trimEnd();
  const own = besides(help.boxWrap(term, columnsOf(help) - indent.length), indent.length * 2);
  return [`${indent}${own}`, ...(text === "" ? [] : [`${" ".repeat(start)}${text}`])].join("\n");
};

/**
 * Lines as long as the screen's, however wide the terms are: descriptions have half of it at least.
 */
export const layout: Partial<Help> = {
  minWidthToWrap: 1,
  padWidth: (command, help) => {
    const room = Math.floor(columnsOf(help) / 2) - indent.length - gap.length;
    return room < termColumnsMin
      ? termColumnsOnOwnLine
      : Math.min(Help.prototype.padWidth.call(help, command, help), room);
  },
  formatItem: item,
  commandUsage(this: Help, command) {
    const title = "Usage: ".length;
    return besides(this.boxWrap(Help.prototype.commandUsage.call(this, command), columnsOf(this) - title), title);
  },
};

/** Terms and descriptions as the help of a command has them. */
export const listed = (
  entries: readonly (readonly [term: string, description: string])[],
  { command, columns }: { readonly command: Command; readonly columns: number },
): string => {
  const help = Object.assign(command.createHelp(), { helpWidth: helpColumns(columns) });
  const termColumns = Math.max(...entries.map(([term]) => term.length));
  return entries.map(([term, description]) => help.formatItem(term, termColumns, description, help)).join("\n");
};
