import { describe, expect, test } from 'vitest'
import { parseJunit } from '../../conformance/junit.ts'

describe('a JUnit report', () => {
  test('that does not end, or is none, is refused', () => {
    expect(() => parseJunit('')).toThrow(/not whole/)
    expect(() => parseJunit('<testsuites tests="2"><testcase name="a" status="passed"/>')).toThrow(/not whole/)
    expect(() => parseJunit('<html>502 Bad Gateway</html>')).toThrow(/not whole/)
  })

  test('of the newest suite gives totals, and the words of a failure from system-out', () => {
    const xml = `<testsuites time="4.3" tests="5" failures="1" skipped="1">
      <testsuite name="OCI Conformance Test" tests="5">
        <testcase name="OCI Conformance Test/ping" classname="" status="passed">
          <system-err>&lt;testcase status=&#34;failure&#34;&gt; in a body</system-err>
        </testcase>
        <testcase name="range -500" classname="" status="skipped"></testcase>
        <testcase name="a &amp; b" status="failure"><system-out>expected &lt;200&gt;&#xA;received 401</system-out></testcase>
      </testsuite>
    </testsuites>`
    expect(parseJunit(xml)).toEqual({
      totals: { tests: 5, failures: 1, errors: 0, skipped: 1, disabled: 0 },
      cases: [
        { name: 'OCI Conformance Test/ping', status: 'passed', message: '' },
        { name: 'range -500', status: 'skipped', message: '' },
        { name: 'a & b', status: 'failure', message: 'expected <200>\nreceived 401' },
      ],
    })
  })

  test('of the older suite gives the words of a failure from its message, and cases that close themselves', () => {
    const xml = `<?xml version="1.0" encoding="UTF-8"?>
      <testsuites tests="2" disabled="0" errors="0" failures="1">
        <testcase name="mount another repository&#39;s blob" status="failed" time="0.1">
          <failure message="Expected&#xA;    &lt;int&gt;: 400" type="failed">[FAILED] elsewhere</failure>
          <system-err>&gt; Enter</system-err>
        </testcase>
        <testcase name="html custom reporter" status="passed"/>
      </testsuites>
    `
    expect(parseJunit(xml).cases).toEqual([
      { name: "mount another repository's blob", status: 'failed', message: 'Expected\n    <int>: 400' },
      { name: 'html custom reporter', status: 'passed', message: '' },
    ])
  })
})
