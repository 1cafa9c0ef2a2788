import { VisibleError } from "../../core/api/errors.ts";
import { isUnusable, type JudgedObject } from "../../core/api/judged-object.ts";
import { shownName } from "../../core/api/name.ts";
import type { ObjectKind } from "../../core/api/object/common.ts";
import type { PowerState } from "../../core/api/object/vm.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import type { ObjectChange } from "../../core/api/object-spec.ts";
import type { ClusterAdministration } from "../../gateway/storage/administration.ts";
import type { ObjectId } from "../../gateway/storage/control.ts";
import { isToBeChanged, nothingChanged } from "../context/confirm.ts";
import type { Answer, Context } from "../context/context.ts";
import { administrationOf, withStorage } from "../context/with-storage.ts";
import { tellInventory } from "../control-plane/inventory.ts";
import { findChangeableObject } from "../find/find-object.ts";
import { labelChanges } from "../input/labels.ts";
import { readChangeFile } from "../input/object-file.ts";
import { shownObject } from "../json/object.ts";
import { kindNames } from "../render/kind-names.ts";
import { lossesText } from "../render/losses.ts";
import { labelsText, objectText } from "../render/object.ts";
import { printable } from "../render/style.ts";

export interface ChangeOptions {
  readonly site: string;
  readonly kind?: ObjectKind;
  readonly store?: string;
}

export interface UpdateOptions extends ChangeOptions {
  readonly file?: string;
  readonly name?: string;
  readonly size?: number;
  readonly memory?: number;
  readonly vcpu?: number;
  /** Don't ask about what it takes away. */
  readonly yes: boolean;
}

/**
 * `object update`: what a file and the flags say; what neither says stays. It asks
 * before something goes.
 */
export const updateObject = async (context: Context, nameOrId: string, options: UpdateOptions): Promise<Answer> => {
  const { file, name, size, memory, vcpu, site, yes } = options;
  const change: ObjectChange = {
    ...(file !== undefined && (await readChangeFile(file, context.host))),
    ...given({ name, size, memory, vcpu }),
  };
  if (Object.keys(change).length === 0) {
    throw new VisibleError("BAD_REQUEST", "It is not said what is to be changed.", {
      hint: "Give a file with -f, or one of --name, --size, --memory and --vcpu. docs/objects.md says what a file may hold.",
    });
  }
  const done = await inCluster(context, nameOrId, options, async (cluster, { kind, id, name: before }) => {
    const lost = await cluster.losses({ kind, id }, change);
    const what = `the ${kindNames[kind]} “${shownName(before)}” (${id}) of site ${site}`;
    if (!yes && lost.length > 0 && !(await isToBeChanged(context.host, what, lossesText(lost)))) return undefined;
    return { lost, object: await cluster.updateObject({ kind, id }, change) };
  });
  if (done === undefined) return nothingChanged;
  const { object, lost } = done;
  const isKnown = await isKnownAs(context, site, object);
  return {
    json: { object: shownObject(object), site, lost, inventoryRefreshed: isKnown },
    text: [...lossesText(lost), `It is now:\n\n${objectText(object, site, context.style)}`].join("\n"),
  };
};

const given = (flags: ObjectChange): ObjectChange =>
  Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined));

/** `object power-on` and `object power-off`. */
export const setPower = async (
  context: Context,
  nameOrId: string,
  options: ChangeOptions,
  power: "on" | "off",
): Promise<Answer> => {
  const { object, isKnown } = await changed(context, nameOrId, { ...options, kind: "vm" }, (cluster, id) =>
    cluster.setPower(id, power),
  );
  const status: PowerState | undefined = object.kind === "vm" ? object.vm.status : undefined;
  return {
    json: { id: object.id, name: object.name, site: options.site, status, inventoryRefreshed: isKnown },
    text: `The VM “${shownName(object.name)}” (${object.id}) on site ${options.site} is ${power}.`,
  };
};

/** `object label`: `env=prod` sets one, `env-` takes it away. */
export const labelObject = async (
  context: Context,
  nameOrId: string,
  written: readonly string[],
  options: ChangeOptions,
): Promise<Answer> => {
  const labels = labelChanges(written);
  const { object, isKnown } = await changed(context, nameOrId, options, (cluster, id) => cluster.setLabels(id, labels));
  const { id, name, kind } = object;
  const has = labelsText(object.labels);
  return {
    json: { id, name, site: options.site, labels: object.labels ?? {}, inventoryRefreshed: isKnown },
    text: `The ${kindNames[kind]} “${shownName(name)}” (${id}) on site ${options.site} has ${
      has === undefined ? "no labels" : `the labels ${printable(has)}`
    } now.`,
  };
};

/** Changes one object of the storage, and lets the API know of it. */
const changed = async (
  context: Context,
  nameOrId: string,
  options: ChangeOptions,
  change: (cluster: ClusterAdministration, id: ObjectId) => Promise<ObjectConfig>,
): Promise<{ readonly object: ObjectConfig; readonly isKnown: boolean }> => {
  const object = await inCluster(context, nameOrId, options, (cluster, { kind, id }) => change(cluster, { kind, id }));
  return { object, isKnown: await isKnownAs(context, options.site, object) };
};

/** Does something with one object of the storage that may be changed. */
const inCluster = <Result>(
  context: Context,
  nameOrId: string,
  { site, kind, store }: ChangeOptions,
  use: (cluster: ClusterAdministration, object: ObjectConfig) => Promise<Result>,
): Promise<Result> =>
  withStorage(context, site, store, async (storage) => {
    const cluster = administrationOf(storage, site);
    return use(cluster, findChangeableObject(await storage.inventory(), { site, nameOrId, kind }));
  });

const isKnownAs = (context: Context, site: string, object: ObjectConfig): Promise<boolean> =>
  tellInventory(context, site, object.id, isSeenAs(object));

/** Fields without a value are none, and their order says nothing. */
const isSeenAs =
  (object: ObjectConfig) =>
  (seen: JudgedObject | undefined): boolean =>
    seen !== undefined && !isUnusable(seen) && sorted(seen) === sorted(object);

const sorted = (object: ObjectConfig): string =>
  JSON.stringify(object, (_, value: unknown) =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
