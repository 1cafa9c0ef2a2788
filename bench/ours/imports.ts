import type { Geometry } from "../../core/api/object/volume-shape.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import type { GatewayClient } from "./gateway-client.ts";

/** An image as a new volume at the source, of another name than those that are there. */
export const importVolume = async (
  source: GatewayClient,
  image: { readonly name: string; readonly file: string; readonly geometry: Geometry },
): Promise<ObjectConfig> => {
  await source.call("import", image);
  const object = (await source.call("inventory", null)).find(({ name }) => name === image.name);
  if (object === undefined) throw new Error(`the imported volume “${image.name}” is not there`);
  return object;
};

/** An image over the volume that is there. */
export const importOver = async (source: GatewayClient, object: ObjectConfig, file: string): Promise<void> => {
  await source.call("import", { file, into: object.volumes[0]?.id ?? object.id });
};
