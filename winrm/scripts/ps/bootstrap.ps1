# The one command line of every call. It reads a request from stdin and answers with one marked line. A second line of
# stdin is a password: $lrunPassword, which no cmdlet and no function may be given, because Windows can log what those get.
$ErrorActionPreference='Stop';$ProgressPreference='SilentlyContinue';$WarningPreference='Continue'
function Out-Lrun($h){
$j=ConvertTo-Json -InputObject $h -Depth 8 -Compress
[Console]::Out.WriteLine()
[Console]::Out.WriteLine('LRUN1 '+$n+' '+[Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes($j)))
[Console]::Out.Flush()
}
$n='-';$r='';$lrunPassword=$null
try{
foreach($l in $input){
$l=([string]$l).Trim()
if($l -eq ''){continue}
if($r -eq ''){$r=$l}else{$lrunPassword=[Text.Encoding]::UTF8.GetString([Convert]::FromBase64String($l))}
}
$l=$null
$q=ConvertFrom-Json ([Text.Encoding]::UTF8.GetString([Convert]::FromBase64String($r)))
$n=[string]$q.nonce
$sb=[ScriptBlock]::Create([string]$q.script)
$w=@();$o=@()
& $sb $q.args 3>&1|ForEach-Object{if($_ -is [Management.Automation.WarningRecord]){$w+=[string]$_}else{$o+=,$_}}
Out-Lrun @{ok=$true;out=$o;warn=$w;psv=[string]$PSVersionTable.PSVersion}
exit 0
}catch{
Out-Lrun @{ok=$false;out=@();err=@{msg=[string]$_.Exception.Message;type=$_.Exception.GetType().FullName;id=[string]$_.FullyQualifiedErrorId;cat=[string]$_.CategoryInfo.Category;pos=[string]$_.InvocationInfo.PositionMessage}}
exit 1
}
