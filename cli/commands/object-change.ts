import { VisibleError } from "../../core/api/errors.ts";
import type { ObjectKind } from "../../core/api/object/common.ts";
import type { PowerState } from "../../core/api/object/vm.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import type { ObjectChange } from "../../core/api/object-spec.ts";
import { isUnusable, type JudgedObject } from "../../core/object/judge.ts";
import { shownName } from "../../core/object/name.ts";
import type { ClusterAdministration } from "../../gateway/storage/administration.ts";
import type { Answer, Context } from "../context.ts";
import { findChangeableObject } from "../find-object.ts";
import { tellInventory } from "../inventory.ts";
import { kindNames } from "../kind-names.ts";
import { labelChanges } from "../labels.ts";
import { readChangeFile } from "../object-file.ts";
import { labelsText, objectText } from "../render/object.ts";
import { printable } from "../render/style.ts";
import { administrationOf, withStorage } from "../with-storage.ts";

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
}

/** `object update`: what a file and the flags say; what neither says stays. */
export const updateObject = async (context: Context, nameOrId: string, options: UpdateOptions): Promise<Answer> => {
  const { file, name, size, memory, vcpu, site } = options;
  const change: ObjectChange = {
    ...(file !== undefined && (await readChangeFile(file, context.host))),
    ...given({ name, size, memory, vcpu }),
  };
  if (Object.keys(change).length === 0) {
    throw new VisibleError("BAD_REQUEST", "It is not said what is to be changed.", {
      hint: "Give a file with -f, or one of --name, --size, --memory and --vcpu. docs/objects.md says what a file may hold.",
    });
  }
  const { object, isKnown } = await changed(context, nameOrId, options, (cluster, id) =>
    cluster.updateObject(id, change),
  );
  return {
    json: { object, site, inventoryRefreshed: isKnown },
    text: `It is now:\n\n${objectText(object, site, context.style)}`,
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
  { site, kind, store }: ChangeOptions,
  change: (cluster: ClusterAdministration, id: Pick<ObjectConfig, "kind" | "id">) => Promise<ObjectConfig>,
): Promise<{ readonly object: ObjectConfig; readonly isKnown: boolean }> => {
  const object = await withStorage(context, site, store, async (storage) => {
    const cluster = administrationOf(storage, site);
    const found = findChangeableObject(await storage.inventory(), { site, nameOrId, kind });
    return change(cluster, { kind: found.kind, id: found.id });
  });
  return { object, isKnown: await tellInventory(context, site, object.id, isSeenAs(object)) };
};

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
