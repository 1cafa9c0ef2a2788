import { isUnusable, type JudgedObject, judgeObject, objectUnusable } from "../../core/api/judged-object.ts";
import { isSameName } from "../../core/api/name.ts";
import type { ObjectKind } from "../../core/api/object/common.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import type { Answer, Context } from "../context/context.ts";
import { withStorage } from "../context/with-storage.ts";
import { currentInventory, lookUpNamed, type SiteInventory } from "../control-plane/inventory.ts";
import { findObject } from "../find/find-object.ts";
import { shownObject } from "../json/object.ts";
import { objectTable, objectText, unusableLine } from "../render/object.ts";
import { instantText } from "../render/units.ts";

interface LookOptions {
  readonly site: string;
  readonly kind?: ObjectKind;
  readonly refresh: boolean;
  /** Then the storage itself is looked at, and no API is asked. */
  readonly store?: string;
}

/** `object list`: what a site has, and why some of it can't be protected. */
export const listObjects = async (context: Context, options: LookOptions): Promise<Answer> => {
  const seen = await look(context, options);
  const { objects, unusable = [], observedAt } = seen;
  const { style } = context;
  const lines = [
    objectTable(objects, style, noneText(options)),
    ...unusable.map((one) => unusableLine(one, style)),
    ...(observedAt === undefined ? [] : [style.faint(`seen at ${instantText(observedAt)}`)]),
  ];
  return { json: { ...seen, objects: objects.map(shownObject) }, text: lines.join("\n") };
};

/** `object show`: one of them, in full. */
export const showObject = async (context: Context, nameOrId: string, options: LookOptions): Promise<Answer> => {
  const { site, kind, refresh, store } = options;
  const seen =
    store === undefined
      ? await lookUpNamed(context, await context.connect(), site, { nameOrId, refresh })
      : await inStore(context, site, store);
  refuseUnusable(seen, { nameOrId, kind });
  const object = findObject(usable(seen), { site, nameOrId, kind });
  return { json: shownObject(object), text: objectText(object, site, context.style) };
};

type Seen = Omit<SiteInventory, "observedAt"> & Partial<Pick<SiteInventory, "observedAt">>;

const look = async (context: Context, { site, kind, refresh, store }: LookOptions): Promise<Seen> => {
  if (store === undefined) return currentInventory(context, await context.connect(), site, { refresh, kind });
  const judged = await inStore(context, site, store);
  const all = kind === undefined ? judged : judged.filter((object) => object.kind === kind);
  const unusable = all.filter(isUnusable);
  return { siteId: site, objects: usable(all), ...(unusable.length > 0 && { unusable }) };
};

const inStore = async (context: Context, site: string, store: string): Promise<readonly JudgedObject[]> =>
  (await withStorage(context, site, store, (storage) => storage.inventory())).map(judgeObject);

const usable = (objects: readonly JudgedObject[]): readonly ObjectConfig[] =>
  objects.flatMap((object) => (isUnusable(object) ? [] : [object]));

/** Of one that can't be used no more is known than why. @throws VisibleError OBJECT_UNUSABLE */
const refuseUnusable = (
  objects: readonly JudgedObject[],
  { nameOrId, kind }: { readonly nameOrId: string; readonly kind: ObjectKind | undefined },
): void => {
  const isMeant = (object: JudgedObject): boolean =>
    (kind === undefined || object.kind === kind) && (object.id === nameOrId || isSameName(object.name, nameOrId));
  const meant = objects.filter(isMeant);
  const [first] = meant.filter(isUnusable);
  if (first !== undefined && meant.every(isUnusable)) throw objectUnusable(first);
};

const noneText = ({ site, kind }: LookOptions): string =>
  kind === undefined
    ? `The site has nothing that could be protected. Make something with: smtx-backup object create -f FILE --site ${site}`
    : `The site has nothing of the kind ${kind}. See all: smtx-backup object list --site ${site}`;
