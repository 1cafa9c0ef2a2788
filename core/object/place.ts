import type { Damage } from "../api/group.ts";
import type { JudgedObject } from "../api/judged-object.ts";
import { asciiText, messageText } from "../api/message.ts";
import { objectKindSchema } from "../api/object/common.ts";

/**
 * Where an entry of a site's inventory lies among the others: a text that no other entry has. It is
 * of ASCII alone, so that gateways, functions and tables put places in the same order.
 */
export interface Placed<T> {
  readonly place: string;
  readonly entry: T;
}

/** Of places: those after `after`, up to and with `until`; open at the end that is absent. */
export interface PlaceRange {
  readonly after?: string | undefined;
  readonly until?: string | undefined;
}

const partCharactersMax = 300;
const numberDigits = 5;

/**
 * A text as part of a key: ASCII without `#`, and not too long. Different texts may have the same:
 * what is found by it is to be compared.
 */
export const keyPart = (text: string): string => asciiText(text).replaceAll("#", "\\u0023").slice(0, partCharactersMax);

const isKind = (kind: string): boolean => objectKindSchema.safeParse(kind).success;

/** Objects in the order of their ids. */
export const placedObjects = (objects: readonly JudgedObject[], after?: string): readonly Placed<JudgedObject>[] =>
  placed(objects, ({ id, kind }) => `${keyPart(id)}#${isKind(kind) ? kind : ""}`, after);

/** Damage in the order of groups and volumes. */
export const placedDamage = (damage: readonly Damage[], after?: string): readonly Placed<Damage>[] =>
  placed(damage, ({ groupId, volumeId }) => `${keyPart(groupId)}#${keyPart(volumeId)}`, after);

/**
 * Entries with their places, in order. Those that would lie at one place are numbered.
 * @param after the place of the entry that came before the first of these: its number goes on
 */
const placed = <T extends object>(
  entries: readonly T[],
  spotOf: (entry: T) => string,
  after: string | undefined,
): readonly Placed<T>[] => {
  const sorted = entries
    .map((entry) => ({ entry, spot: spotOf(entry), text: messageText(entry) }))
    .sort((a, b) => inOrder(a.spot, b.spot) || inOrder(a.text, b.text));
  let spotBefore = after?.slice(0, -numberDigits - 1);
  let number = after === undefined ? 0 : Number(after.slice(-numberDigits));
  return sorted.map(({ entry, spot }) => {
    number = spot === spotBefore ? number + 1 : 0;
    spotBefore = spot;
    return { entry, place: `${spot}#${number.toString().padStart(numberDigits, "0")}` };
  });
};

const inOrder = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);
