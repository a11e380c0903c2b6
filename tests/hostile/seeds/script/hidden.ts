=== was src/a.ts
export const a = 1;
if (role !== "user") { }
=== src/a.ts
export const a = 1;
if (role !== "user‮// admin") { }
const pаypal = '​'; // ﻿
