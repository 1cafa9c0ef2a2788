import { z } from "zod";
import { textSchema } from "../object/common.ts";
import { switchMapSchema } from "../site.ts";

/** In what a rebuilt object is to be other than it was. */
export const rebuildWishesSchema = z.object({
  /** The storage pool. Absent: the mirror's; at the object's own site, the object's. */
  pool: textSchema.optional(),
  /**
   * Of virtual switches that NICs were connected to, those of the site. What is not among them is
   * connected as the group says.
   */
  switches: switchMapSchema.optional(),
  /** No NIC is connected. Absent: false. */
  disconnectNics: z.boolean().optional(),
  /**
   * NICs have the MAC addresses that they had. It is refused where another VM of the site has one
   * of them, unless the NIC is not connected. Absent: false, they get new ones.
   */
  keepMacs: z.boolean().optional(),
  /**
   * LUNs have the LUN ids that they had. It is refused where another one of their target has it.
   * Absent: false, they get the lowest free one then.
   */
  keepLunIds: z.boolean().optional(),
  /** VMs are switched on once they are made. Absent: false. */
  powerOn: z.boolean().optional(),
});
export type RebuildWishes = z.infer<typeof rebuildWishesSchema>;
