/** As long as lines of a page's source should be. */
const columnsMax = 80;

/**
 * Text as roff takes it: nothing in it is a request, and every dash is one that can be typed again.
 */
export const roffText = (text: string): string =>
  text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll("“", "\\(lq")
    .replaceAll("”", "\\(rq")
    .replaceAll("…", "...")
    .replace(/^(?=[.'])/gm, "\\&");

/** The same in short lines, which roff fills again. */
export const paragraph = (text: string): string => {
  const folded: string[] = [];
  for (const word of roffText(text).split(" ")) {
    const last = folded.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= columnsMax)
      folded[folded.length - 1] = `${last} ${word}`;
    else folded.push(word.replace(/^(?=[.'])/, "\\&"));
  }
  return folded.join("\n");
};

/** An argument of a macro. */
export const roffArgument = (text: string): string => `"${roffText(text).replaceAll('"', "\\(dq")}"`;

export const section = (title: string): string => `.SH ${roffArgument(title)}`;
export const subsection = (title: string): string => `.SS ${roffArgument(title)}`;

/** A term, and what is to be said of it. */
export const item = (term: string, text: string): string =>
  `.TP\n\\fB${roffText(term)}\\fR\n${text === "" ? "\\&" : paragraph(text)}`;

/** Lines that stay as they are. */
export const lines = (text: string): string => `.nf\n${roffText(text)}\n.fi`;
