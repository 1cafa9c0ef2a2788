/**
 * The words of a command line as a shell takes them, without what it would put in their place:
 * quotes, and a backslash outside of them.
 */
export const wordsOf = (line: string): readonly string[] => {
  const words: string[] = [];
  for (const [word] of line.matchAll(/(?:'[^']*'|"[^"]*"|\\.|[^\s'"\\])+/g)) {
    words.push(
      word.replaceAll(/'([^']*)'|"([^"]*)"|\\(.)/g, (_, single, double, escaped) => single ?? double ?? escaped),
    );
  }
  return words;
};
