// The API's types, as the engine has them.
export type * from "@/client/types.gen";
