# A script of the runbook's author, as a job. Parameters arrive as $lrun.name and are never part of the text.
# args: text, params (an object)
# out:  whatever it returns, each object as text
param($a)
$lrun = $a.params
& ([ScriptBlock]::Create([string]$a.text)) | ForEach-Object {
    if ($null -ne $_) {
        [string]($_ | Out-String -Width 200).TrimEnd()
    }
}
