=== src/page.tsx
'use client';
import React, { useState as state } from 'react';
import type { A } from '../../../../../other/x';
export default function Page<T extends object>({ html, ...rest }: Props & { html: string }) {
  const [x, set] = state<Array<T>>([]);
  return <><div key={1} dangerouslySetInnerHTML={{ __html: html }} {...rest}>{x.map((it, at) => <b>{at}</b>)}</div>&nbsp;</>;
}
