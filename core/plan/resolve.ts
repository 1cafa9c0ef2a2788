import { VisibleError } from "../api/errors.ts";
import type { Instant } from "../api/ids.ts";
import { type ObjectConfig, switchesOf, type UnusableObject } from "../api/object.ts";
import type { PlanDefinition, PlanObject } from "../api/plan.ts";
import { isUnusable, type JudgedObject, objectUnusable } from "../object/judge.ts";
import { foldedName, isSameName, shownName } from "../object/name.ts";

/** An object of a plan, with as much of its configuration as the plan's definition is checked against. */
export type ResolvedObject = PlanObject & { readonly switches: readonly string[] };

/**
 * What is known of a site's objects: at least those that have an id or a name that a definition
 * gives, and those that its plan has and calls by such a name.
 */
export interface KnownObjects {
  /** When all that the site has was seen. */
  readonly observedAt: Instant;
  readonly objects: readonly JudgedObject[];
}

type Wanted = PlanDefinition["objects"][number];

/** Kinds of W6 that no storage driver can mirror yet. */
const unsupportedKinds: ReadonlySet<ObjectConfig["kind"]> = new Set(["nfs-file", "vm"]);

/** So many candidates are named in a refusal. */
const candidatesShownMax = 10;

/**
 * The objects that a definition names by id or by name, as the source has them.
 *
 * @param known undefined: nothing is known of the source yet
 * @param held objects that the plan has already; they are taken as they are where the source is not
 *   known to have them
 * @throws {VisibleError} PLAN_EMPTY, OBJECT_UNKNOWN, OBJECT_AMBIGUOUS, OBJECT_IS_MIRROR,
 *   OBJECT_UNUSABLE, OBJECT_KIND_UNSUPPORTED; BAD_REQUEST for an object without id and name, or one
 *   that is there twice
 */
export const resolveObjects = (
  { source, objects }: Pick<PlanDefinition, "source" | "objects">,
  known: KnownObjects | undefined,
  held: readonly PlanObject[],
): readonly ResolvedObject[] => {
  if (objects.length === 0) {
    throw new VisibleError("PLAN_EMPTY", "The plan has no objects.", { hint: "Name at least one in `objects`." });
  }
  const find = finder(source, known, held);
  const resolved = objects.map(find);
  refuseTwice(resolved);
  return resolved;
};

const finder = (source: string, known: KnownObjects | undefined, held: readonly PlanObject[]) => {
  const all = known?.objects ?? [];
  const seen = all.flatMap((object) => (isUnusable(object) ? [] : [object]));
  const ids = new Set(seen.map(({ kind, id }) => `${kind}/${id}`));
  const gone = held.filter(({ kind, id }) => !ids.has(`${kind}/${id}`));
  const [matchingSeen, matchingGone] = [matcher(seen), matcher(gone)];
  return (wanted: Wanted): ResolvedObject => {
    refuseUnsupported(wanted);
    const here = matchingSeen(wanted).map(asSeen);
    const matches = here.length > 0 ? here : matchingGone(wanted).map(asHeld);
    const ordinary = matches.filter((object) => object.origin?.role !== "mirror");
    const [only, another] = ordinary;
    if (another !== undefined) throw ambiguous(source, wanted, ordinary);
    if (only !== undefined) return only;
    const [mirror] = matches;
    if (mirror !== undefined) throw isMirror(mirror);
    const unusable = all.filter(isUnusable).find((object) => isMeant(object, wanted));
    throw unusable === undefined ? unknown(source, known, wanted) : objectUnusable(unusable);
  };
};

type Candidate = ResolvedObject & Pick<ObjectConfig, "origin">;

const asSeen = (object: ObjectConfig): Candidate => ({ ...object, switches: switchesOf(object) });

const asHeld = (object: PlanObject): Candidate => ({ ...object, switches: [] });

/** By id where there is one: names change. */
const matcher = <T extends PlanObject>(objects: readonly T[]): ((wanted: Wanted) => readonly T[]) => {
  const byId = Map.groupBy(objects, ({ kind, id }) => `${kind}/${id}`);
  const byName = Map.groupBy(objects, ({ kind, name }) => `${kind}/${foldedName(name)}`);
  return ({ kind, id, name = "" }) =>
    (id === undefined ? byName.get(`${kind}/${foldedName(name)}`) : byId.get(`${kind}/${id}`)) ?? [];
};

/** The name of what can't be used is shortened, and its kind may be one that there is not. */
const isMeant = (object: UnusableObject, { id, name = "" }: Wanted): boolean =>
  id === undefined ? isSameName(object.name, shownName(name)) : object.id === id;

const described = ({ kind, id, name }: Wanted) =>
  id === undefined ? `${kind} called “${name}”` : `${kind} with the id ${id}`;

const refuseUnsupported = ({ kind, id, name }: Wanted): void => {
  if (unsupportedKinds.has(kind)) {
    throw new VisibleError("OBJECT_KIND_UNSUPPORTED", `Objects of the kind ${kind} can't be protected yet.`, {
      hint: "Protect LUNs (`lun`) and virtual volumes (`volume`); of a VM, its volumes.",
    });
  }
  if (id !== undefined || name !== undefined) return;
  throw new VisibleError("BAD_REQUEST", `An object of the kind ${kind} has neither an id nor a name.`, {
    hint: "Give its `id`, or its `name` if only one object of the site has it.",
  });
};

const ambiguous = (source: string, wanted: Wanted, candidates: readonly Candidate[]): VisibleError => {
  const ids = candidates.slice(0, candidatesShownMax).map(({ id }) => id);
  const more = candidates.length > ids.length ? `, and ${candidates.length - ids.length} more` : "";
  return new VisibleError("OBJECT_AMBIGUOUS", `Site “${source}” has more than one ${described(wanted)}.`, {
    hint: `Choose one by its id: ${ids.join(", ")}${more}.`,
  });
};

const isMirror = ({ name, origin }: Candidate): VisibleError =>
  new VisibleError(
    "OBJECT_IS_MIRROR",
    `“${name}” is a mirror that the plan ${origin?.planId} of site “${origin?.siteId}” keeps here.`,
    { hint: `Protect the original on site “${origin?.siteId}”, or rebuild the mirror and protect what was rebuilt.` },
  );

const unknown = (source: string, known: KnownObjects | undefined, wanted: Wanted): VisibleError => {
  if (known === undefined) {
    return new VisibleError("OBJECT_UNKNOWN", `It is not known yet what site “${source}” has.`, {
      hint: "Start a gateway at the site; once it has sent its inventory, try again.",
    });
  }
  return new VisibleError(
    "OBJECT_UNKNOWN",
    `Site “${source}” had no ${described(wanted)} when it was looked at (${known.observedAt}).`,
    { hint: `List what it has now: smtx-backup volume list --site ${source} --refresh` },
  );
};

const refuseTwice = (objects: readonly ResolvedObject[]): void => {
  const seen = new Set<string>();
  for (const { kind, id, name } of objects) {
    if (seen.has(`${kind}/${id}`)) {
      throw new VisibleError("BAD_REQUEST", `The ${kind} “${name}” (${id}) is twice in the plan.`, {
        hint: "Name it once.",
      });
    }
    seen.add(`${kind}/${id}`);
  }
};
