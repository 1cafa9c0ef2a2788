import { inspect, stripVTControlCharacters, styleText } from "node:util";
import { printable as inOneLine } from "../../core/api/name.ts";

type Paint = (text: string) => string;

/** Words of emphasis, not of colour; without colours each gives its text as it is. */
export interface Style {
  readonly heading: Paint;
  readonly strong: Paint;
  readonly faint: Paint;
  readonly good: Paint;
  readonly bad: Paint;
  readonly warn: Paint;
}

const formats = {
  heading: ["bold", "dim"],
  strong: "bold",
  faint: "dim",
  good: "green",
  bad: "red",
  warn: "yellow",
} as const;

const painted = (format: Parameters<typeof styleText>[0]): Paint => {
  return (text) => styleText(format, text, { validateStream: false });
};
const plain: Paint = (text) => text;

/** What decides about colours: the screen, and what whoever looks at it wishes. */
export interface Looks {
  readonly isTerminal: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
}

const hasColours = ({ isTerminal, env }: Looks): boolean => isTerminal && !env["NO_COLOR"];

/**
 * The style for a screen: with colours on a terminal, unless NO_COLOR is set
 * (https://no-color.org).
 */
export const styleFor = (looks: Looks): Style => {
  const paint = hasColours(looks) ? painted : () => plain;
  return {
    heading: paint([...formats.heading]),
    strong: paint(formats.strong),
    faint: paint(formats.faint),
    good: paint(formats.good),
    bad: paint(formats.bad),
    warn: paint(formats.warn),
  };
};

/** Of no colour. */
export const plainStyle: Style = styleFor({ isTerminal: false, env: {} });

const wide =
  /\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/u;
const graphemes = new Intl.Segmenter();

const columnsOfOne = (grapheme: string): number => (wide.test(grapheme) ? 2 : 1);

/** Columns that a text takes up on a terminal: none for colours, two for Chinese characters. */
export const columnsOf = (text: string): number => {
  let columns = 0;
  for (const { segment } of graphemes.segment(stripVTControlCharacters(text))) columns += columnsOfOne(segment);
  return columns;
};

/** The text, cut to a number of columns; a text that is cut loses its colours. */
export const fitted = (text: string, columnsMax: number): string => {
  if (columnsOf(text) <= columnsMax) return text;
  let [kept, columns] = ["", 0];
  for (const { segment } of graphemes.segment(stripVTControlCharacters(text))) {
    columns += columnsOfOne(segment);
    if (columns > columnsMax - 1) break;
    kept += segment;
  }
  return `${kept}…`;
};

/** Names that others gave, in one line. */
export const printable = inOneLine;

const codes = Object.values(formats)
  .flat()
  .flatMap((format) => inspect.colors[format] ?? []);
/** What a text has that was painted here (ECMA-48: SGR). */
const paints = `\u001b\\[(?:${[...new Set(codes)].join("|")})m`;

/**
 * What a screen may be given: lines and our own colours. Whatever else would steer a terminal came
 * with somebody's text, and is shown as a sign.
 */
export const forScreen = (text: string, looks: Looks): string => {
  const ours = hasColours(looks) ? `${paints}|\n|\t` : "\n|\t";
  return text
    .split(new RegExp(`(${ours})`))
    .map((piece, index) => (index % 2 === 0 ? inOneLine(piece) : piece))
    .join("");
};
