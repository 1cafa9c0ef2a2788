import { VisibleError } from "../api/errors.ts";

/** What an inventory, a plan and a mirror can carry, in UTF-16 code units. */
export const nameCharactersMax = 255;
/** What a file system takes as a name, in UTF-8. */
export const nameBytesMax = 255;

const shownCharactersMax = 100;

/**
 * What can't be seen and is part of what can: emojis made of several, joining of letters, and
 * variants of characters.
 */
const joining = [
  String.raw`(?<=[\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f])\u200d(?=\p{Extended_Pictographic})`,
  String.raw`(?<=\p{Extended_Pictographic})[\ufe0e\ufe0f]`,
  String.raw`(?<=[0-9#*])\ufe0f(?=\u20e3)`,
  String.raw`(?<=[\p{Script=Arabic}\p{M}])[\u200c\u200d]`,
  String.raw`(?<=\p{Script=Han})[\ufe00-\ufe02\u{e0100}-\u{e01ef}]`,
  String.raw`(?<=\p{Script=Mongolian})[\u180b-\u180d\u180f]`,
].join("|");

/**
 * What no terminal, no log and no XML carries: controls, line ends of Unicode, halves of pairs, and
 * what is no character; and what nobody sees, or turns the direction of what follows. For `match`
 * and `replaceAll`.
 */
const uncarried = new RegExp(
  String.raw`[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Noncharacter_Code_Point}\p{Bidi_Control}\ufff9-\ufffb]|(?!${joining})\p{Default_Ignorable_Code_Point}`,
  "gu",
);

/**
 * What an extentstore gives as an id. A volume of that name would be taken for the
 * one that has the id.
 */
const idForm = /^(?:lun|volume|vm|file|snapshot)-[0-9a-f]{16}$/i;

/**
 * The name that something new gets from what somebody wrote: the same letters are the same name,
 * however they were composed (Unicode's form NFC). What exists already is not asked this: its
 * cluster gave it its name.
 * @param what gets it, for the message
 * @throws VisibleError BAD_REQUEST saying what is wrong with it
 */
export const newName = (written: string, what = "a volume"): string => {
  const name = written.normalize("NFC");
  const problem = problemOf(name);
  if (problem === undefined) return name;
  throw new VisibleError("BAD_REQUEST", `“${shownName(name)}” can't be the name of ${what}: ${problem}.`, {
    hint: "Choose a name of printable characters, 255 bytes long at most, that has no space at its ends and no “-” at its beginning.",
  });
};

const problemOf = (name: string): string | undefined => {
  if (name === "") return "it is empty";
  if (name.trim() !== name) return "it begins or ends with a space";
  if (name.startsWith("-")) return "it begins with “-”, as options do";
  if (idForm.test(name)) return "it looks like the id of a volume";
  const [bad] = name.match(uncarried) ?? [];
  if (bad !== undefined) return `it has the character ${codePoint(bad)}`;
  const bytes = new TextEncoder().encode(name).length;
  return bytes > nameBytesMax ? `it has ${bytes} bytes in UTF-8, and ${nameBytesMax} are the most` : undefined;
};

const codePoint = (character: string): string =>
  `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;

/** The one text for all that mean the same name. */
export const foldedName = (name: string): string => name.normalize("NFC");

/** Whether two people who wrote these meant the same name. */
export const isSameName = (one: string, other: string): boolean =>
  one === other || foldedName(one) === foldedName(other);

/** A text of one line without what would steer a terminal, and with a sign where something was. */
export const printable = (text: string): string => text.replaceAll(uncarried, "\uFFFD");

/**
 * JSON that says the same, in which what would steer a terminal is escaped: JSON itself leaves DEL,
 * C1 and what turns the direction of a text as they are. Ends of lines stay.
 */
export const printableJson = (json: string): string =>
  // Most of it is plain, which is found out sooner than what is not.
  /^[ -~\n]*$/.test(json) ? json : json.replaceAll(uncarried, (bad) => (bad === "\n" ? bad : escapedUnits(bad)));

const escapedUnits = (text: string): string =>
  Array.from({ length: text.length }, (_, at) => text.charCodeAt(at))
    .map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`)
    .join("");

/**
 * A name as a sentence can hold it, whatever it is: not too long, and nothing that would steer a
 * terminal.
 */
export const shownName = (name: string): string => {
  const characters = [...name.toWellFormed()];
  const shown = printable(characters.slice(0, shownCharactersMax).join(""));
  return characters.length <= shownCharactersMax ? shown : `${shown}…`;
};
