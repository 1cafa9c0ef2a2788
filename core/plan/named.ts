import { VisibleError } from "../api/errors.ts";
import type { Instant } from "../api/ids.ts";
import { isUnusable, type JudgedObject, objectUnusable } from "../api/judged-object.ts";
import { foldedName, isSameName, shownName } from "../api/name.ts";
import type { ObjectConfig, UnusableObject } from "../api/object.ts";
import type { PlanNamed, PlanObject } from "../api/plan.ts";
import { instantText } from "../object/instant-text.ts";

/**
 * What is known of a site's objects: at least those that have an id or a name that a definition
 * gives, those that its rules fit, and those that its plan has and calls by such a name.
 */
export interface KnownObjects {
  /** When all that the site has was seen. */
  readonly observedAt: Instant;
  readonly objects: readonly JudgedObject[];
}

/**
 * An object that a definition names: as its site has it, or as the plan has it where its
 * site is not known to.
 */
export type FoundObject = ObjectConfig | PlanObject;

/** So many candidates are named in a refusal. */
const candidatesShownMax = 10;

/**
 * Finds what a definition names.
 *
 * @param known undefined: nothing is known of the source yet
 * @param held objects that the plan has already
 * @returns throws VisibleError OBJECT_UNKNOWN, OBJECT_AMBIGUOUS, OBJECT_IS_MIRROR, OBJECT_UNUSABLE
 */
export const finder = (
  source: string,
  known: KnownObjects | undefined,
  held: readonly PlanObject[],
): ((wanted: PlanNamed) => FoundObject) => {
  const all = known?.objects ?? [];
  const seen = all.flatMap((object) => (isUnusable(object) ? [] : [object]));
  const ids = new Set(seen.map(({ kind, id }) => `${kind}/${id}`));
  const gone = held.filter(({ kind, id }) => !ids.has(`${kind}/${id}`));
  const [matchingSeen, matchingGone] = [matcher(seen), matcher(gone)];
  return (wanted) => {
    const here = matchingSeen(wanted);
    const ordinary = here.filter((object) => object.origin?.role !== "mirror");
    const candidates: readonly FoundObject[] = here.length > 0 ? ordinary : matchingGone(wanted);
    const [only, another] = candidates;
    if (another !== undefined) throw ambiguous(source, wanted, candidates);
    if (only !== undefined) return only;
    const [mirror] = here;
    if (mirror !== undefined) throw isMirror(mirror);
    const renamed = renamedSince(wanted, held, seen);
    if (renamed !== undefined) throw isRenamed(source, wanted, renamed);
    const unusable = all.filter(isUnusable).find((object) => isMeant(object, wanted));
    throw unusable === undefined ? unknown(source, known, wanted) : objectUnusable(unusable);
  };
};

/** By id where there is one: names change. */
const matcher = <T extends PlanObject>(objects: readonly T[]): ((wanted: PlanNamed) => readonly T[]) => {
  const byId = Map.groupBy(objects, ({ kind, id }) => `${kind}/${id}`);
  const byName = Map.groupBy(objects, ({ kind, name }) => `${kind}/${foldedName(name)}`);
  return ({ kind, id, name = "" }) =>
    (id === undefined ? byName.get(`${kind}/${foldedName(name)}`) : byId.get(`${kind}/${id}`)) ?? [];
};

/** The name of what can't be used is shortened, and its kind may be one that there is not. */
const isMeant = (object: UnusableObject, { id, name = "" }: PlanNamed): boolean =>
  id === undefined ? isSameName(object.name, shownName(name)) : object.id === id;

const described = ({ kind, id, name }: PlanNamed) =>
  id === undefined ? `${kind} called “${name}”` : `${kind} with the id ${id}`;

const ambiguous = (source: string, wanted: PlanNamed, candidates: readonly FoundObject[]): VisibleError => {
  const ids = candidates.slice(0, candidatesShownMax).map(({ id }) => id);
  const more = candidates.length > ids.length ? `, and ${candidates.length - ids.length} more` : "";
  return new VisibleError("OBJECT_AMBIGUOUS", `Site “${source}” has more than one ${described(wanted)}.`, {
    hint: `Choose one by its id: ${ids.join(", ")}${more}.`,
  });
};

/** What the plan has by a name that is given, and that has another one now. */
const renamedSince = (
  { kind, id, name = "" }: PlanNamed,
  held: readonly PlanObject[],
  seen: readonly ObjectConfig[],
): ObjectConfig | undefined => {
  if (id !== undefined) return undefined;
  const before = new Set(held.flatMap((one) => (one.kind === kind && isSameName(one.name, name) ? [one.id] : [])));
  return seen.find((object) => object.kind === kind && before.has(object.id));
};

const isRenamed = (source: string, wanted: PlanNamed, { kind, id, name }: ObjectConfig): VisibleError =>
  new VisibleError(
    "OBJECT_UNKNOWN",
    `Site “${source}” has no ${described(wanted)} any more: the one that the plan has is called “${name}” now (${id}).`,
    { hint: `Give its new name, or its id: { kind: ${kind}, id: ${id} }.` },
  );

const isMirror = ({ kind, name, origin }: ObjectConfig): VisibleError => {
  const plan = origin?.planName === undefined ? `the plan ${origin?.planId}` : `the plan “${origin.planName}”`;
  return new VisibleError(
    "OBJECT_IS_MIRROR",
    `The ${kind} “${name}” is a mirror that ${plan} of site “${origin?.siteId}” keeps here.`,
    {
      hint: `Protect the original on site “${origin?.siteId}”, or rebuild one of the plan's restore points and protect what was rebuilt.`,
    },
  );
};

const unknown = (source: string, known: KnownObjects | undefined, wanted: PlanNamed): VisibleError => {
  if (known === undefined) {
    return new VisibleError("OBJECT_UNKNOWN", `It is not known yet what site “${source}” has.`, {
      hint: "Start a gateway at the site; once it has sent its inventory, try again.",
    });
  }
  const list = `List what it has now: smtx-backup object list --site ${source} --refresh`;
  return new VisibleError(
    "OBJECT_UNKNOWN",
    `Site “${source}” had no ${described(wanted)} when it was looked at (${instantText(known.observedAt)}).`,
    { hint: wanted.kind === "nfs-file" ? `${list}. All files of a directory are given as \`directory\`.` : list },
  );
};
