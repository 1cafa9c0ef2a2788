import type { ObjectKind } from "../../core/api/object/common.ts";
import { isUnusable, judgeObject } from "../../core/object/judge.ts";
import type { Answer, Context } from "../context.ts";
import { findObject } from "../find-object.ts";
import { currentInventory, type Inventory } from "../inventory.ts";
import { objectTable, objectText, unusableLine } from "../render/object.ts";
import { instantText } from "../render/units.ts";
import { withStorage } from "../with-storage.ts";

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
  return { json: seen, text: lines.join("\n") };
};

/** `object show`: one of them, in full. */
export const showObject = async (context: Context, nameOrId: string, options: LookOptions): Promise<Answer> => {
  const { site, kind } = options;
  const { objects } = await look(context, options);
  const object = findObject(objects, { site, nameOrId, kind });
  return { json: object, text: objectText(object, site, context.style) };
};

type Seen = Omit<Inventory, "observedAt"> & Partial<Pick<Inventory, "observedAt">>;

const look = async (context: Context, { site, kind, refresh, store }: LookOptions): Promise<Seen> => {
  if (store === undefined) return currentInventory(context, await context.connect(), site, { refresh, kind });
  const judged = (await withStorage(context, site, store, (storage) => storage.inventory())).map(judgeObject);
  const all = kind === undefined ? judged : judged.filter((object) => object.kind === kind);
  const unusable = all.filter(isUnusable);
  const objects = all.flatMap((object) => (isUnusable(object) ? [] : [object]));
  return { siteId: site, objects, ...(unusable.length > 0 && { unusable }) };
};

const noneText = ({ site, kind }: LookOptions): string =>
  kind === undefined
    ? `The site has nothing that could be protected. Make something with: smtx-backup object create -f FILE --site ${site}`
    : `The site has nothing of the kind ${kind}. See all: smtx-backup object list --site ${site}`;
