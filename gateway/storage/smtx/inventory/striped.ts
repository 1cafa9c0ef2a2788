import type { Geometry } from "../../../../core/api/object/volume-shape.ts";

/** A volume that is not striped has one stripe as long as an extent. */
export const stripedAs = (
  { stripeCount, stripeBytes }: { readonly stripeCount: number; readonly stripeBytes: number },
  extentBytes: number,
): Geometry =>
  stripeCount <= 1
    ? { extentBytes, stripeCount: 1, stripeBytes: stripeBytes === 0 ? extentBytes : stripeBytes }
    : { extentBytes, stripeCount, stripeBytes };
