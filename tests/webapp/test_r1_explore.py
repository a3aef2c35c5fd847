import io, json, traceback
import pytest
from tests.webapp.hall import csrf_of, post, Hall
from tests.builders import members

ROSTERS = ["open_accounts","seal_accounts","unseal_accounts","base_adjustment","undo_changes","back_payment","internal_transfer"]
APPS = ["rate_adjustment","remittance_assessment","cancel_assessment","payment","suspense_clearing","undo_posting","bank_statement","large_export"]
EVIL = ["\x00", "a\x00b", "\ud800", "9"*5000, "-1", "1e9", "２", "<script>alert(1)</script>", "=1+1", "2026-13", "NaN", "\u202e", "龙"*3000]

def tryit(found, what, fn):
    try:
        a = fn()
        if a.status_code >= 500: found.append((what, a.status_code))
        if b"Traceback" in a.get_data()[:100000]: found.append((what, "trace"))
    except UnicodeEncodeError as e:
        if "surrog" in str(e) and "client" in "".join(traceback.format_tb(e.__traceback__)[-3:]): return
        found.append((what, repr(e)[:200], traceback.format_tb(e.__traceback__)[-1]))
    except Exception as e:
        tb=[l for l in traceback.format_tb(e.__traceback__) if "/main/" in l and "tests" not in l]
        found.append((what, repr(e)[:200], tb[-1] if tb else ""))

def test_explore(hall: Hall):
    found=[]
    op=hall.signed_in("operator"); fin=hall.signed_in("reviewer")
    members.in_hall(hall, 901)
    tok=csrf_of(op)
    H={"X-CSRFToken": tok}
    J=lambda c,p,b: c.post(p, data=b, headers={**H,"Content-Type":"application/json"})
    for key in ROSTERS:
        p=f"/services/{key}"
        a=op.get(p)
        if a.status_code!=200: print(key,a.status_code); continue
        for seq in ("1","0","2147483648","9"*30):
            tryit(found,(key,"cell",seq),lambda: J(op,f"{p}/rows/{seq}",json.dumps({"person_name":"a","reason":"x","id_no":"1"})))
        for e in EVIL:
            body={n:e for n in ("person_name","id_type","id_no","individual_account_no","contribution_base","reason","mobile","birth_date","from_unit","to_unit","change_no","month","month_to","amount_monthly")}
            tryit(found,(key,"check",e[:9]),lambda: J(op,f"{p}/check",json.dumps({"values":body,"seq":e})))
            tryit(found,(key,"paste",e[:9]),lambda: J(op,f"{p}/rows",json.dumps({"text":"\t".join([e]*8),"seq":e,"column":e,"state":e})))
            tryit(found,(key,"cell1",e[:9]),lambda: J(op,f"{p}/rows/1",json.dumps(body)))
            if "\ud800" not in e:
                tryit(found,(key,"enter",e[:9]),lambda: post(op,p,{"action":"enter:more","seq":e,**body}))
                tryit(found,(key,"choose",e[:9]),lambda: post(op,p,{"action":"choose","choice:rate":e,"choice:reason":e,"choice:method":e}))
                tryit(found,(key,"delete",e[:9]),lambda: post(op,p,{"action":"delete","seq":[e]}))
                tryit(found,(key,"act",e[:9]),lambda: post(op,p,{"action":e,"seq":[e]}))
                tryit(found,(key,"submit",e[:9]),lambda: post(op,p,{"action":"submit:all","token":e}))
                tryit(found,(key,"get",e[:9]),lambda: op.get(p,query_string={"state":e,"after":e,"tab":e,"job":e,"q":e,"seq":e,"edit":e}))
                tryit(found,(key,"people",e[:9]),lambda: op.get(p+"/people",query_string={"q":e}))
                tryit(found,(key,"imp",e[:9]),lambda: op.post(p+"/import",data={"csrf_token":tok,"file":(io.BytesIO(b"PK\x03\x04xx"),"a"+e[:20]+".xlsx"),"stated":e,"mode":e},content_type="multipart/form-data"))
        for b in ("null","[]","1",'"x"','{"values":[1]}','{"text":["a"]}','{"text":"a","seq":{}}',"[" * 100000,'{"text":"a","seq":1e400}','{"text":"a","seq":true}'):
            for q in ("/rows","/rows/1","/check"):
                tryit(found,(key,q,b[:20]),lambda: J(op,p+q,b))
        for q in ("errors.xlsx","roster.xlsx","roster","template.xlsx","progress.json"):
            tryit(found,(key,q),lambda: op.get(f"{p}/{q}"))
        tryit(found,(key,"undo"),lambda: post(op,p+"/undo",{}))
    for key in APPS:
        for who,c in (("op",op),("fin",fin)):
            p=f"/services/{key}"
            a=c.get(p)
            if a.status_code!=200: continue
            for e in EVIL:
                if "\ud800" in e: continue
                body={n:e for n in ("through","which","method","remark","amount","unit_rate","individual_rate","reason","receipt","action_","payment","unit_account_no","remittance","rate","effective_month","content","asked","rows")}
                for act in ("submit","save","check"):
                    tryit(found,(key,who,act,e[:9]),lambda: post(c,p,{**body,"action":act,"token":e}))
                tryit(found,(key,who,"draft",e[:9]),lambda: c.post(p+"/draft",data={**body},headers=H))
    for c in (op,fin):
        for k in ("unit_changes","members","seal_changes","base_changes","remittances","unit_journal","suspense","nope"):
            for e in EVIL:
                if "\ud800" in e: continue
                qs={"unit":e,"after":e,"before":e,"rows":e,"person":e,"name":e,"since":e,"from":e,"state":e}
                for one in qs:
                    tryit(found,(k,one,e[:9]),lambda: c.get(f"/registers/{k}",query_string={one:e}))
                tryit(found,(k,"post",e[:9]),lambda: post(c,f"/registers/{k}",{"id_no":e}))
                tryit(found,(k,"apply",e[:9]),lambda: post(c,f"/registers/{k}/requests",{"reason":e,"token":e}))
        for n in ("0","1","9"*20,"2147483648"):
            for path in (f"/registers/files/{n}",f"/remittances/{n}/slip",f"/remittances/{n}/slip.pdf",f"/jobs/{n}",f"/jobs/{n}.json"):
                tryit(found,(path,),lambda: c.get(path))
    for no in ("x","%00","QDN-1"):
        for q in ("rows","rows.xlsx","rows/print","rows.json","rows/template.xlsx","rows/errors.xlsx","receipt"):
            tryit(found,(no,q),lambda: op.get(f"/requests/{no}/{q}?form=%00"))
    seen=set()
    for f in found:
        k=(f[0][0],f[0][1],str(f[1:])[:60])
        if k in seen: continue
        seen.add(k); open("/tmp/r1found.txt","a").write(str(f)+"\n")
    print(len(found))
    assert not found
